"""What a worker sends by itself for old facts, and that it reads no partition that has moved away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyroaring import BitMap

from agents import compact
from agents.allocate import Allocate
from agents.compact import AT_ONCE, Compactor
from pipeline.compact import FACTS_A_COMMAND
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.partitions import partition_for
from tests.agents.fakes import FakeDelivery, FakeTable, record_of

PARTITIONS = 4
OWNED = partition_for("212", PARTITIONS)
ELSEWHERE = next(code for code in ("213", "214", "215") if partition_for(code, PARTITIONS) != OWNED)
LONG_AGO = codec.encode(events.Fact(1, 0, codec.encode(events.CancelRequested("t", "ann", "c"))))
MANY = 2 * FACTS_A_COMMAND


class FakeDatabase:
    """Says that one task ended long ago."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []

    @contextlib.asynccontextmanager
    async def connection(self, rows: int) -> AsyncIterator[Any]:
        """Itself."""
        yield self

    async def execute(self, query: str, parameters: tuple[list[str], float]) -> Any:
        """The same answer to every question."""
        self.asked.append(set(parameters[0]))
        return self

    async def fetchall(self) -> list[tuple[str]]:
        """One row."""
        return [("old",)]


class Compacting:
    """A compactor, and the allocate of the same worker, which carries out what it sends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.ledger, self.tasks, self.database = FakeTable([]), FakeTable([]), FakeDatabase()
        self.registry = CollectorRegistry()
        metrics = WorkerMetrics(self.registry)
        self.delivery = FakeDelivery(self.calls)
        self.delivery.meanwhile = self._carry_out
        parts: Any = (self.delivery, self.ledger, self.tasks, self.database, metrics, PARTITIONS, 1.0)
        self.compactor = Compactor(*parts)
        self.compactor.owns(frozenset([OWNED]))
        self.allocate = Allocate(FakeDelivery([]), self.ledger, None, metrics)  # type: ignore[arg-type]
        self.under_way: list[asyncio.Task[None]] = []
        monkeypatch.setattr(compact, "REST", 0)
        monkeypatch.setattr(compact, "LOOK_SECONDS", 0)

    def _carry_out(self) -> None:
        """What was sent last is read by the steps a moment later."""
        assert all(one.done() for one in self.under_way), "the command before this one is not carried out yet"
        if isinstance(event := self.sent[-1], events.Compact):
            self.under_way.append(asyncio.create_task(self.allocate(record_of(event, topics.BATCHES))))

    @property
    def sent(self) -> list[events.Event]:
        """All commands."""
        return [codec.decode(message.value) for _, message in self.calls]

    def draw(self, task: str, batches: int, code: str = "212") -> None:
        """Facts of one number each."""
        for batch in range(batches):
            self.ledger.rows[f"{code}|{task}|{batch}".encode()] = bytes(BitMap([batch]).serialize())

    def value(self, name: str, **labels: str) -> float | None:
        """A sample of the worker's metrics."""
        return self.registry.get_sample_value(name, labels)


async def test_facts_of_old_tasks_become_one_a_command_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What all facts add up to stays; young tasks and other workers' area codes are left alone."""
    compacting = Compacting(monkeypatch)
    compacting.draw("old", MANY)
    compacting.draw("young", 3)
    compacting.draw("old", MANY, ELSEWHERE)
    before = dict(compacting.ledger.rows)

    await compacting.compactor.look()

    after = compacting.ledger.rows
    (name,) = set(after) - set(before)
    assert name.startswith(b"212|sum|")
    assert set(before) - set(after) == {key for key in before if key.startswith(b"212|old|")}
    assert BitMap.deserialize(after[name]) == BitMap(range(MANY))
    assert [len(event.facts) for event in compacting.sent if isinstance(event, events.Compact)] == [
        FACTS_A_COMMAND,
        FACTS_A_COMMAND + 1,
    ]
    assert compacting.database.asked == [{"old", "young"}]
    assert compacting.value("numberline_ledger_facts") == MANY + 3
    assert compacting.value("numberline_facts_let_go_total", table="ledger") == MANY + 1

    compacting.calls.clear()
    await compacting.compactor.look()
    assert compacting.sent == []


async def test_a_partition_that_moves_is_read_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables would be opened again beside their new owner's; the rest is the new owner's to find."""
    compacting = Compacting(monkeypatch)
    compacting.draw("old", MANY)
    compacting.tasks.rows[b"ann|t|cancel"] = LONG_AGO
    carry_out = compacting.delivery.meanwhile

    def move() -> None:
        carry_out()
        compacting.compactor.owns(frozenset())
        compacting.ledger.items_with_prefix = None  # type: ignore[assignment, method-assign]

    compacting.delivery.meanwhile = move
    await compacting.compactor.look()
    assert len(compacting.sent) == 1
    assert compacting.value("numberline_ledger_facts") == 0


async def test_tasks_that_ended_long_ago_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all their facts, however many are read at once; not those that run, nor what quotas count."""
    compacting = Compacting(monkeypatch)
    refusals = {f"ann|t|refused|{number:03d}".encode(): LONG_AGO for number in range(AT_ONCE + 1)}
    young = codec.encode(events.Fact(1 << 45, 0, codec.encode(events.CancelRequested("u", "ann", "c"))))
    compacting.tasks.rows = {**refusals, b"ann|u|cancel": young, b"bob|v|plan": LONG_AGO, b"#bob|000001|v": b"1"}

    await compacting.compactor.look()

    names = tuple(key.decode().removeprefix("ann|t|") for key in refusals)
    assert compacting.sent == [events.TaskForgotten("t", "ann", names)]
