"""What the real steps are given in place of Kafka, RocksDB and prefix data; each write and message is an action."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from agents.records import Outgoing
from pipeline.metrics import WorkerMetrics
from pipeline.prefix_build import PrefixRow, prefix_events
from pipeline.prefixes import AreaCode
from schemas import topics
from tests.model.scenario import Action

if TYPE_CHECKING:
    from tests.model.processes import Beside
    from tests.model.world import World

METRICS = WorkerMetrics(CollectorRegistry())


@types.coroutine
def act(*action: Any) -> Generator[Action, Any, Any]:
    """One atomic action of a step; the world does it and answers."""
    return (yield action)


class ModelDelivery:
    """Sending and waiting, as steps do it by `agents.delivery.Delivery`."""

    async def send(self, *messages: Outgoing) -> None:
        """Each message is an action of its own; an allocation is handed over before the broker has it."""
        for message in messages:
            handed = message.topic is topics.ALLOCATIONS
            if handed:
                await act("hand", message)
            offset = await act("send", message.topic.name, message.partition_key, message.value)
            if handed:
                await act("placed", message, offset)

    async def give_way(self) -> None:
        """Whoever goes first, the world tries it."""

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Each changelog record is an action of its own."""
        for write in writes:
            await write

    async def done(self) -> None:
        """The step is through with its record."""


class LateWrites(ModelDelivery):
    """Without the rule that what is sent is a fact by then."""

    def __init__(self) -> None:
        self._writes: list[Awaitable[Any]] = []

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Not yet."""
        self._writes += writes

    async def done(self) -> None:
        """Now."""
        writes, self._writes = self._writes, []
        await super().written(*writes)


class LateSends(ModelDelivery):
    """Without the rule that a fact says what was sent by then."""

    def __init__(self) -> None:
        self._messages: list[Outgoing] = []

    async def send(self, *messages: Outgoing) -> None:
        """Not yet."""
        self._messages += messages

    async def done(self) -> None:
        """Now."""
        messages, self._messages = self._messages, []
        await super().send(*messages)


@dataclass
class ModelTable:
    """A table as `agents.faust_workarounds.Table` has it: the local store at once, the changelog when awaited."""

    local: dict[bytes, bytes]

    def get(self, key: bytes) -> bytes | None:
        """The local value."""
        return self.local.get(key)

    def items_with_prefix(self, partition: int, prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
        """Local items in the order of their keys."""
        return sorted(item for item in self.local.items() if item[0].startswith(prefix))

    def put(self, key: bytes, value: bytes) -> Awaitable[Any]:
        """Write locally; the awaitable writes the changelog."""
        self.local[key] = value
        return act("put", key, value)

    def remove(self, key: bytes) -> Awaitable[Any]:
        """Delete locally; the awaitable writes the tombstone."""
        self.local.pop(key, None)
        return act("remove", key)


class ModelPrefixes:
    """Prefix data whose content does not matter: the model's spaces are drawn from instead."""

    def __init__(self) -> None:
        rows = {str(code): [PrefixRow(str(code), 200, 1, "US", "CA", "", "", "")] for code in range(201, 204)}
        self._known = {event.area_code: AreaCode(event) for event in prefix_events(rows, 1, 0)}

    async def of(self, area_code: str, version: int, partition: int) -> AreaCode:
        """The data of an area code."""
        return self._known[area_code]


PREFIXES: Any = ModelPrefixes()
DELIVERY: Any = ModelDelivery()


class ModelLoop:
    """What `agents.handoff` takes of asyncio: tasks that the world runs, one action at a time."""

    Event = asyncio.Event

    def __init__(self, world: World) -> None:
        self._world = world

    def create_task(self, running: Coroutine[Action, Any, Any]) -> Beside:
        """Something more that runs in the process that is running now."""
        return self._world.run_beside("handed", running)

    async def wait(self, tasks: Iterable[Beside]) -> None:
        """Until all are through."""
        for task in sorted(tasks, key=self._world.instances.index):
            await task

    def shield(self, task: Beside) -> Awaitable[Any]:
        """As a copy waits for what was handed over."""
        return task.outcome(self._world.rules.copies_wait)
