"""What a user is told before a run."""

from dataclasses import replace
from pathlib import Path

from bench.duration import foreseen
from bench.report import as_json
from tests.bench.test_report import PART, RESULTS


def test_a_run_takes_as_long_as_its_parts_did(tmp_path: Path) -> None:
    """By repetitions; what was never measured is named."""
    results = tmp_path / "results.json"
    assert foreseen(results, ["million"], 3) == "how long it takes is not known yet"
    earlier = replace(RESULTS, parts=(replace(PART, seconds=360.0),))
    results.write_text(as_json(earlier), encoding="utf-8")
    on = "on the machine of results.json (one | two)"
    assert foreseen(results, ["million"], 3) == f"about 6 min {on}"
    more = "and what has not been measured yet: peers, pure"
    assert foreseen(results, ["million", "peers", "pure"], 1) == f"about 2 min {on}, {more}"
