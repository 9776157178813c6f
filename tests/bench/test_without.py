"""What each choice gives: the measurement runs, on servers of its own, and every choice can be done without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.changes import CHANGES
from bench.without import Times, main, row

UNDONE = """
import sys
from agents import faust_workarounds
from bench.worker import fit
from prometheus_client import CollectorRegistry
before = len(faust_workarounds.PATCHES)
fit(sys.argv[1], CollectorRegistry())
faust_workarounds.install()
print(before - len(faust_workarounds.PATCHES))
"""
PATCHES_LESS = {
    "loopback": 1,
    "one-loop": 3,
    "fetch-sessions": 1,
    "few-tasks": 1,
}


def test_both_workers_do_the_same_tasks(tmp_path: Path) -> None:
    """In turns, and the one that does without does what is asked of it; the figures of each turn are kept."""
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(
        main, ["numpy-rows", "--quantity", "10000", "--small", "2", "--repeat", "2", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "| numpy-rows | psycopg makes each row of a COPY, not numpy | " in done.stdout
    found = json.loads(out.read_text())["turns"]["numpy-rows"]
    for worker in ("with", "without"):
        assert {name: len(values) for name, values in found[worker].items()} == {
            "large": 2,
            "small": 2,
            "processor": 2,
        }


def test_a_line_says_how_much_longer_it_takes_without() -> None:
    """The median of the turns' quotients, and their range; not the quotient of the medians."""
    with_ = Times(large=[1.0, 2.0, 4.0], small=[1.0, 1.0, 1.0], processor=[2.0, 2.0, 2.0])
    without = Times(large=[2.0, 2.0, 6.0], small=[1.0, 1.1, 0.9], processor=[1.0, 1.0, 1.0])
    assert row("uvloop", with_, without) == (
        "| uvloop | asyncio's own event loop "
        "| 1.50 x (1.00 to 2.00) | 1.00 x (0.90 to 1.10) | 0.50 x (0.50 to 0.50) |"
    )


@pytest.mark.parametrize("name", CHANGES)
def test_each_can_be_undone(name: str) -> None:
    """In a process of its own, as a worker is: what is undone is there, and Faust is patched without it."""
    done = subprocess.run([sys.executable, "-c", UNDONE, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == PATCHES_LESS.get(name, 0)
