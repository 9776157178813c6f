"""The table that keeps facts: F2 and F6."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import faust

from agents.producers import StepProducer


class Table(faust.Table):
    """A table of bytes whose writes can be awaited (F2) and whose local store survives a zombie (F6).

    producer: of its changelog, in place of Faust's one for all tables and its buffer.
    """

    def __init__(self, *args: Any, producer: StepProducer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._producer = producer
        self._sent: list[Awaitable[Any]] = []
        self.count_bytes: Callable[[float], None] = lambda count: None  # told of what goes to the changelog

    def send_changelog(self, partition: int, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin to send; Faust calls this at each write, and reads the message's partition of what is returned."""
        # in the order of the writes: tasks begin in the order in which they are made
        self._sent.append(asyncio.create_task(self._send(partition, key, value)))
        return SimpleNamespace(message=SimpleNamespace(partition=partition))

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> None:
        acknowledged = asyncio.ensure_future(
            await self._producer.send(self.changelog_topic.get_topic_name(), key, value, partition)
        )
        await acknowledged
        self._on_changelog_sent(acknowledged)

    def put(self, key: bytes, value: bytes) -> Awaitable[Any]:
        """Write; await what is returned for the changelog record, which a commit does not wait for (F2)."""
        self[key] = value
        self.count_bytes(len(key) + len(value))
        return self._sent.pop()

    def remove(self, key: bytes) -> Awaitable[Any]:
        """Delete; to be awaited likewise."""
        del self[key]
        self.count_bytes(len(key))
        return self._sent.pop()

    def items_with_prefix(self, partition: int, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Key and value of what one partition holds under keys that begin so, in key order, above `after`."""
        rows = self.data._db_for_partition(partition).iter()
        rows.seek(max(prefix, after))
        while rows.valid() and rows.key().startswith(prefix):
            if rows.key() != after:
                yield rows.key(), rows.value()
            rows.next()

    def _on_changelog_sent(self, future: Any) -> None:
        # F6: Faust takes the offset of its own record for "everything below is in the local store". After a
        # pause longer than the session another worker has written in between, and recovery would skip those
        # records for good. Advance only over an unbroken run of our own.
        sent = future.result()
        last = self.data.persisted_offset(sent.topic_partition)
        if sent.offset == (-1 if last is None else last) + 1:
            self.data.set_persisted_offset(sent.topic_partition, sent.offset)
