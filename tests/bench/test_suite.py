"""The whole suite on real servers, at a thousandth of its sizes: its report holds what really happened."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import create_autospec

import psycopg
import pytest

from bench.about import about
from bench.errors import BenchError
from bench.part import Bench, Measured, Part
from bench.parts import PARTS
from bench.parts.peers import DJANGO
from bench.report import markdown, row
from bench.results import Figure, PartResult, Results
from bench.sizes import Sizes
from bench.suite import CutShort, run_parts
from bench.system import System, installed
from embedded import Kafka, Postgres
from numberline.setup.database import upgrade
from pipeline.settings import Settings

SCALE = 0.001


class Silent:
    """A watcher that only counts."""

    def __init__(self) -> None:
        self.steps: dict[str, list[int]] = {}

    def begins(self, part: Part, title: str, steps: int) -> Callable[[], None]:
        """Count the steps that are announced, and those that come."""
        counts = self.steps[part.name] = [steps, 0]

        def advance() -> None:
            counts[1] += 1

        return advance

    def settles(self, part: Part) -> None:
        """Nothing."""

    def ended(self, part: PartResult) -> None:
        """Nothing."""


@pytest.mark.timeout(900)  # every part, and what the peers need is installed where it is not there yet
def test_rows_asked_for_reported_and_stored_agree(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    """Every part's figures are in the report, and every number that it counts is in PostgreSQL."""
    before, watcher = dict(os.environ), Silent()
    with installed(kafka_server, postgres_server, tmp_path, lambda text: None) as system:
        found = asyncio.run(run_parts(PARTS, system, Sizes.scaled(SCALE), 1, watcher))
        results = Results(about(system, tmp_path, ["--scale", str(SCALE)]), SCALE, 1, found)
        with psycopg.connect(system.database_url) as connection:
            rows = connection.execute("SELECT count(*), count(DISTINCT number) FROM numbers").fetchone()
            query = "SELECT count(*) FROM task_states WHERE status = 'completed' AND type = 'generate'"
            tasks = connection.execute(query).fetchone()
    assert dict(os.environ) == before

    names = [
        "million",
        "peers",
        "memory",
        "cost",
        "filtered",
        "latency",
        "mixed",
        "crowded",
        "validation",
        "suppressed",
        "capacity",
    ]
    assert [part.name for part in results.parts] == [
        *names,
        "http",
        "workers",
        "resources",
        "pure",
        "gateway",
    ]
    assert results.disagreeing == ()
    accounts = [part.account for part in results.parts]
    assert all(account.asked == account.reported == account.stored for account in accounts)
    assert all(account.tasks for account in accounts[:-3])
    total = sum(account.stored for account in accounts)
    assert rows == (total, total)
    assert tasks == (sum(account.tasks for account in accounts),)

    [compared] = [part.ways for part in results.parts if part.ways]
    assert {way.asked for way in compared} == set(Sizes.scaled(SCALE).peers)
    assert len(compared) == 3 * 6
    for way in compared:  # the Django service reports what it asked its table for
        assert way.reported == (way.asked,)
        assert way.stored == way.reported or (way.name == DJANGO and way.stored < way.reported)

    page = markdown(results)
    for part in results.parts:
        assert part.figures
        for figure in part.figures:
            # so little memory, or of a relation, is within the noise
            if part.name not in ("gateway", "resources") and "memory" not in figure.name:
                assert all(value > 0 for value in figure.values), figure
            assert "| " + " | ".join(row(figure, judged=False)) + " |" in page
    goals = [(part.name, figure.goal) for part in results.parts for figure in part.figures if figure.goal]
    assert goals == [
        ("million", 1.5),
        *(("peers", goal) for goal in (20, 20, 12, 8)),
        ("memory", 500),
        *(("cost", 1.3) for _ in range(4)),
        ("filtered", 1.3),
        ("latency", 8),
        ("latency", 15),
        ("latency", 30),
        ("mixed", 4),
        ("crowded", 10),
        *(("validation", goal) for goal in (5, 5, 20, 0.2, 1.1)),
        ("suppressed", 1.2),
        ("capacity", 100),
        ("capacity", 1000),
        ("http", 50),
        *([("workers", 1.25)] if (os.cpu_count() or 1) > 1 else []),
        ("gateway", 1 / 0.7),
        ("gateway", 1.3),
    ]
    assert all(announced == came for announced, came in watcher.steps.values())


def test_a_part_that_fails_takes_nothing_from_those_before_it(postgres_server: Postgres) -> None:
    """And none after it is measured, for nobody knows what it left behind."""

    async def works(_: Bench) -> Measured:
        return Measured((Figure("found", "s", (1.0,)),), ())

    async def fails(_: Bench) -> Measured:
        raise BenchError("no answer")

    database_url = postgres_server.create_database("bench-cut-short")
    upgrade(database_url)
    nothing_runs = create_autospec(System, instance=True)
    nothing_runs.settings = Settings.model_validate({"database_url": database_url})
    parts = [
        Part(name, lambda sizes: "title", lambda sizes, repeat: 1, measure)
        for name, measure in (("first", works), ("second", fails), ("third", works))
    ]
    with pytest.raises(CutShort, match=r"^the part second failed: no answer$") as cut:
        asyncio.run(run_parts(parts, nothing_runs, Sizes.scaled(SCALE), 1, Silent()))
    assert [(part.name, part.figures) for part in cut.value.measured] == [
        ("first", (Figure("found", "s", (1.0,)),))
    ]
