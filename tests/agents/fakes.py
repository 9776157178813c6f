"""A delivery and a table that only remember what was asked of them, in order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from agents.records import Outgoing, Record
from pipeline.dead_letters import Headers
from schemas import codec, events, topics


def record_of(
    event: events.Event,
    topic: topics.Topic,
    key: bytes = b"key",
    offset: int = 0,
    timestamp: int = 1_700_000_000_000,
    headers: Headers = (),
) -> Record:
    """An event as it is read from a topic's partition 0."""
    return Record(f"test.{topic.name}", 0, offset, timestamp, key, codec.encode(event), headers)


class FakeTable:
    """A table in a dict, and every call on it in `calls`, shared with a FakeDelivery."""

    def __init__(self, calls: list[tuple[str, Any]]) -> None:
        self.rows: dict[bytes, bytes] = {}
        self._calls = calls

    def get(self, key: bytes) -> bytes | None:
        """A row."""
        return self.rows.get(key)

    def put(self, key: bytes, value: bytes) -> Awaitable[Any]:
        """Write, in order."""
        self._calls.append(("put", (key, value)))
        self.rows[key] = value
        return self._acknowledged()

    def remove(self, key: bytes) -> Awaitable[Any]:
        """Delete, in order."""
        self._calls.append(("remove", key))
        self.rows.pop(key, None)
        return self._acknowledged()

    def items_with_prefix(self, partition: int, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Rows in key order."""
        return iter(sorted(row for row in self.rows.items() if row[0].startswith(prefix) and row[0] > after))

    def _acknowledged(self) -> Awaitable[Any]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


class FakeDelivery:
    """Remembers what is sent; `meanwhile` runs while the broker has not yet acknowledged."""

    def __init__(self, calls: list[tuple[str, Any]]) -> None:
        self._calls = calls
        self.meanwhile: Callable[[], None] = lambda: None

    async def send(self, *messages: Outgoing) -> None:
        """Remember each message."""
        self._calls.extend(("send", message) for message in messages)
        await asyncio.sleep(0)
        self.meanwhile()

    async def give_way(self) -> None:
        """At once."""

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Wait for the writes, and remember how many they were."""
        await asyncio.gather(*writes)
        self._calls.append(("written", len(writes)))
        self.meanwhile()

    async def within_deadline(self, awaitable: Awaitable[Any], awaited: str) -> Any:
        """Without a deadline."""
        return await awaitable
