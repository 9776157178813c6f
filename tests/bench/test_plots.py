"""Plots: the same results are the same bytes, and say what the tables say."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from bench.plots.write import write_plots
from bench.report import as_json
from tests.bench.test_report import COMPARED, PART, RESULTS


def test_the_same_results_are_the_same_plots(tmp_path: Path) -> None:
    """No date, no random ids; every way, every goal and what is missing is in the text."""
    results = tmp_path / "results.json"
    results.write_text(as_json(replace(RESULTS, parts=(PART, COMPARED))), encoding="utf-8")
    drawn = []
    for name in ("first", "second"):
        directory = tmp_path / name
        directory.mkdir()
        assert write_plots(results, directory) == ("goals", "peers")
        drawn.append({path.name: path.read_bytes() for path in directory.iterdir()})
    assert drawn[0] == drawn[1]
    texts = {name: "".join(ElementTree.fromstring(svg).itertext()) for name, svg in drawn[0].items()}
    for said in ("numberline", "another", "20 s, 10 of 1,000 missing", "1,000 numbers"):
        assert said in texts["peers.svg"]
    for said in ("million: task over COPY", "1.7 x  (≤ 2)", "15.5 x  (≤ 15)"):
        assert said in texts["goals.svg"]
