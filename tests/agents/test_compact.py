"""Compaction in the shells of allocate and coordinate: the order of writes, and what a replay repeats."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyroaring import BitMap

from agents.allocate import Allocate
from pipeline.metrics import WorkerMetrics
from schemas import events, topics
from tests.agents.fakes import FakeDelivery, FakeTable, record_of
from tests.agents.test_coordinate_agent import PREFIX, SUBMITTED, TASK, Coordinating, stored

COMPACT = events.Compact("212", "s", ("t|0", "t|1", "gone|0"))


def fact(*numbers: int) -> bytes:
    """A fact of the ledger."""
    return bytes(BitMap(numbers).serialize())


class Allocating:
    """Allocate on a fake ledger of two batches."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.table = FakeTable(self.calls)
        self.table.rows = {b"212|t|0": fact(1, 2), b"212|t|1": fact(7), b"212|t|2": fact(9), b"415|t|0": fact(3)}
        metrics = WorkerMetrics(CollectorRegistry())
        self.step = Allocate(FakeDelivery(self.calls), self.table, None, metrics)  # type: ignore[arg-type]

    async def take(self, event: events.Event) -> list[str]:
        """Run the step; what happened, in words."""
        self.calls.clear()
        await self.step(record_of(event, topics.BATCHES))
        return [f"{kind} {(what[0] if kind == 'put' else what)!r}" for kind, what in self.calls]


async def test_the_sum_is_durable_before_what_it_stands_for_goes() -> None:
    """What the facts of the area code add up to is the same after every write."""
    allocating = Allocating()
    assert await allocating.take(COMPACT) == [
        "put b'212|sum|s'",
        "written 1",
        "remove b'212|t|0'",
        "remove b'212|t|1'",
        "remove b'212|gone|0'",
        "written 3",
    ]
    assert allocating.table.rows == {b"212|sum|s": fact(1, 2, 7), b"212|t|2": fact(9), b"415|t|0": fact(3)}
    assert allocating.step.ledger.of("212", 0).taken == BitMap([1, 2, 7, 9])


@pytest.mark.parametrize("left", [b"212|t|0", b"212|t|1"])
async def test_a_replay_in_the_middle_of_the_deletions_keeps_the_sum(left: bytes) -> None:
    """A sum made anew would lack what was deleted already."""
    allocating = Allocating()
    before = dict(allocating.table.rows)
    await allocating.take(COMPACT)
    after = dict(allocating.table.rows)
    allocating.table.rows[left] = before[left]

    await allocating.take(COMPACT)

    assert allocating.table.rows == after


async def test_a_replay_after_the_sum_went_into_another_does_nothing() -> None:
    """An empty sum under an old name would stay for good."""
    allocating = Allocating()
    await allocating.take(COMPACT)
    await allocating.take(events.Compact("212", "later", ("sum|s", "t|2")))
    after = dict(allocating.table.rows)
    assert after == {b"212|sum|later": fact(1, 2, 7, 9), b"415|t|0": fact(3)}
    assert await allocating.take(COMPACT) == []
    assert allocating.table.rows == after


async def test_the_facts_of_a_task_that_ended_are_let_go() -> None:
    """By name, those that the local store has no longer as well; the task is then not known."""
    coordinating = Coordinating()
    await coordinating.take(SUBMITTED, stored(0), stored(1), stored(2))
    event = events.TaskForgotten(TASK, "ann", ("end", "plan", "batch|000007"))
    record = record_of(event, topics.TASK_EVENTS, b"ann")
    for _ in range(2):
        coordinating.calls.clear()
        await coordinating.step(record)
        assert coordinating.happened() == ["remove plan", "remove batch|000007", "remove end", "3 written"]
    assert not [key for key in coordinating.table.rows if key.startswith(PREFIX)]


async def test_the_facts_of_a_task_that_runs_stay() -> None:
    """It may have been submitted since the command was made."""
    coordinating = Coordinating()
    await coordinating.take(SUBMITTED)
    coordinating.calls.clear()
    await coordinating.step(record_of(events.TaskForgotten(TASK, "ann", ("plan",)), topics.TASK_EVENTS, b"ann"))
    assert coordinating.calls == []
