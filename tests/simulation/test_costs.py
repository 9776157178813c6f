"""Costs come out of the suite's results, each by its name, and what is missing is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simulation.cases import measured_again
from simulation.cli import main
from simulation.costs import COMPONENTS, CostsMissing, Work, of_results, read, write

STEPS = ("coordinate", "allocate", "enrich", "store")


def results(without: str = "") -> dict[str, Any]:
    """What the suite writes, with made-up medians."""
    figures = {
        "million": {"task": 2.0},
        "latency": {"round trip, p50": 1.0, "100 numbers, p50": 20.0},
        "workers": {
            **{
                f"{kind}, 1 worker, processor time a million: {name}": 4.0
                for kind in ("counted", "stored")
                for name in COMPONENTS
            },
            **{
                f"{kind}, {name}, numbers a second": 500_000.0
                for kind in ("counted", "stored")
                for name in ("1 worker", "2 workers")
            },
        },
        "resources": {
            **{f"processor time a million: {name}": 2.0 for name in COMPONENTS},
            **{f"processor time a million: worker, step {step}": 0.1 for step in STEPS},
            **{f"processor time of a small task: {name}": 10.0 for name in COMPONENTS},
            **{f"processor time of 32 small batches: {name}": 72.0 for name in COMPONENTS},
            "bytes a million: WAL": 100.0,
            "bytes a million: Kafka produced": 10.0,
            "durable commit of one row": 3.0,
        },
    }
    return {
        "about": {"command": "python -m bench --out /tmp/results", "date": "today", "machine": "two processors"},
        "parts": [
            {
                "name": part,
                "figures": [{"name": name, "median": value} for name, value in found.items() if name != without],
            }
            for part, found in figures.items()
        ],
    }


def test_costs_are_medians_in_seconds() -> None:
    """A million is 100 full batches; a further small batch is what 31 more of them took."""
    costs = of_results([results()])
    assert costs.full_batch == Work(0.02, 0.02, 0.02, 0.04)
    assert costs.small_batch.worker == pytest.approx(0.002)
    assert costs.task.worker == pytest.approx(0.008)
    assert (costs.hop, costs.flush) == (0.001, 0.003)
    assert costs.busy == {kind: Work(4.0, 4.0, 4.0, 8.0) for kind in ("counted", "stored")}
    assert costs.coordinate == pytest.approx(0.25)
    assert (costs.wal_megabytes, costs.kafka_megabytes) == (100.0, 10.0)
    assert costs.source == "`python -m bench`: today, two processors"
    assert costs.batch(5_050).worker == pytest.approx(0.011)


def test_without_the_part_workers_there_is_less_to_compare() -> None:
    """The million of one worker, and the smallest task."""
    few = results()
    few["parts"] = [part for part in few["parts"] if part["name"] != "workers"]
    costs = of_results([few])
    assert dict(costs.measured) == {"a million, 1 worker": 2.0, "100 numbers on an idle system": 0.02}
    assert costs.busy == {}
    assert costs.fitted("stored", 5_000) is costs
    assert [one.name for one in measured_again(costs)] == list(costs.measured)


def test_batches_of_a_busy_installation_take_what_was_measured_there() -> None:
    """Those of the size that was measured; small ones, what small ones take."""
    costs = of_results([results()])
    fitted = costs.fitted("stored", 5_000)
    assert fitted.batch(5_000).worker == pytest.approx(4.0 * 5_000 / 1_000_000)
    assert fitted.batch(5_000).edge == pytest.approx(8.0 * 5_000 / 1_000_000)
    assert fitted.batch(100) == costs.small_batch


def test_costs_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Every field."""
    costs = of_results([results()])
    write(costs, tmp_path / "costs.json")
    assert read(tmp_path / "costs.json") == costs


def test_a_missing_figure_is_named(tmp_path: Path) -> None:
    """On the command line too, and what is kept stays as it is."""
    expected = "the results have no figure 'durable commit of one row' of the part resources"
    with pytest.raises(CostsMissing, match=f"^{expected}$"):
        of_results([results(without="durable commit of one row")])
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results(without="durable commit of one row")))
    result = CliRunner().invoke(main, ["take", str(file)])
    assert result.exit_code == 1
    assert result.output == f"{expected}\n"


def test_runs_of_several_machines_are_refused() -> None:
    """Their figures say nothing of each other; those of one machine are put together."""
    other = results()
    halves = [results(), results()]
    halves[0]["parts"], halves[1]["parts"] = other["parts"][:2], other["parts"][2:]
    assert of_results(halves).source == "`python -m bench`, `python -m bench`: today, two processors"
    halves[1]["about"]["machine"] = "another"
    with pytest.raises(CostsMissing, match="the results come from several machines"):
        of_results(halves)
