"""What the real steps are given in place of Kafka, RocksDB and prefix data; each write and message is an action."""

import types
from collections.abc import Awaitable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry

from agents.records import Outgoing
from pipeline.metrics import WorkerMetrics
from pipeline.prefix_build import PrefixRow, prefix_events
from pipeline.prefixes import AreaCode
from schemas import codec, topics
from tests.model.scenario import Action

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
            if message.topic is topics.ALLOCATIONS:
                await act("hand", codec.decode(message.value or b""))
            await act("send", message.topic.name, message.partition_key, message.value)

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Each changelog record is an action of its own."""
        for write in writes:
            await write


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
