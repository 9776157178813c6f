"""What metrics cost a worker: the measurement runs, on servers of its own."""

import json
from pathlib import Path

from click.testing import CliRunner

from bench.uncounted import main


def test_both_workers_do_the_same_tasks(tmp_path: Path) -> None:
    """In turns; what they did is stored, and the figures of each turn are kept."""
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(main, ["--quantity", "300", "--small", "2", "--repeat", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("counted over not, turn by turn") == 3
    found = json.loads(out.read_text())
    for worker in ("counted", "uncounted"):
        assert {name: len(values) for name, values in found[worker].items()} == {"large": 2, "small": 2, "cpu": 2}
