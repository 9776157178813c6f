"""F21: what a worker writes for its own next step comes back by a fetch: answered, read and parsed, three times on
the way of every request.

The broker's acknowledgement says all that the fetch would: the record is committed, and where it lies. Where it is
the very next record of a partition that this worker reads, it goes to the consumer from here, as a fetch would
bring it; an answer that brings it too is then behind the consumer's position, and aiokafka drops it, as after a
seek. In all other cases nothing is done, and the fetch brings it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult

STEP_SECONDS = 0.003  # from an acknowledgement to what the step of its record sends

Read: TypeAlias = ConsumerRecord[Any, Any]


def f21_ask_again_after_the_step() -> None:
    """A fetch that has brought nothing new is not repeated at once: the step of what came
    with the acknowledgement goes first."""
    proc_fetch_request = Fetcher._proc_fetch_request

    async def _proc_fetch_request(self: Any, *args: Any) -> Any:
        new = await proc_fetch_request(self, *args)
        if not new:
            with contextlib.suppress(asyncio.CancelledError):  # the assignment is another one
                await asyncio.sleep(STEP_SECONDS)
        return new

    Fetcher._proc_fetch_request = _proc_fetch_request


class Loopback:
    """Into the consumer of a Faust application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, record: Read) -> None:
        """A record that the broker has acknowledged."""
        thread = getattr(self._app.consumer, "_thread", None)
        if (consumer := getattr(thread, "_consumer", None)) is not None:
            bring(consumer, record)


def bring(consumer: Any, record: Read) -> bool:
    """Let an AIOKafkaConsumer find a record, if it is the next one of a partition of its own; whether it is."""
    partition, fetcher = TopicPartition(record.topic, record.partition), consumer._fetcher
    assignment = getattr(consumer._subscription.subscription, "assignment", None)
    if assignment is None or not assignment.active or partition not in assignment.tps:
        return False
    if (found := fetcher._records.get(partition)) is not None:  # the one before is not taken yet
        return isinstance(brought := getattr(found, "_partition_records", None), Brought) and brought.append(record)
    state = assignment.state_value(partition)
    if not state.has_valid_position or state.paused or state.position != record.offset:
        return False
    fetcher._records[partition] = FetchResult(
        partition, partition_records=Brought(record), assignment=assignment, backoff=fetcher._prefetch_backoff
    )
    for waiting in fetcher._fetch_waiters:
        fetcher._notify(waiting)
    return True


class Brought:
    """Records one after the other; aiokafka takes it for what it parses of an answer (PartitionRecords)."""

    def __init__(self, first: Read) -> None:
        self.next_fetch_offset = first.offset
        self._records = deque([first])

    def append(self, record: Read) -> bool:
        """One more, if it is the next; whether it is."""
        follows = bool(self._records) and record.offset == self._records[-1].offset + 1
        if follows:
            self._records.append(record)
        return follows

    def __iter__(self) -> Iterator[Read]:
        return self

    def __next__(self) -> Read:
        if not self._records:
            raise StopIteration
        record = self._records.popleft()
        self.next_fetch_offset = record.offset + 1
        return record
