"""What is committed, and when: F1 and F8."""

from typing import Any

from faust.transport.consumer import Consumer
from faust.types import TP


def f1_commit_only_what_is_acked() -> None:
    """F1 (#606): `_new_offset` commits past an event still in flight.

    Track delivered offsets instead: commit the lowest one not acked, else the one after the last delivered.
    """
    init, seek, revoked_, ack = (
        Consumer.__init__,
        Consumer.perform_seek,
        Consumer.on_partitions_revoked,
        Consumer.ack,
    )

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._in_flight, self._next_offset, self._to_commit = {}, {}, set()
        deliver = self.callback

        async def callback(message: Any) -> None:
            if self.app.topics.acks_enabled_for(message.topic):
                self._in_flight.setdefault(message.tp, {})[message.offset] = None
                self._next_offset[message.tp] = message.offset + 1
            await deliver(message)

        self.callback = callback

    async def perform_seek(self: Any) -> None:
        if self.flow_active:
            await seek_to_last_commit(self)
        # else a fetch that a rebalance or the end cut short: the last commit is still to come (F8), and whoever
        # resumes the flow has sought

    async def seek_to_last_commit(self: Any) -> None:
        self._in_flight.clear()  # everything not committed is delivered again
        self._next_offset.clear()
        self._to_commit.clear()
        await seek(self)
        for partition in self.assignment():  # what is dealt with may be told before the first record is delivered
            if (committed := self._committed_offset[partition]) is not None:
                self._next_offset.setdefault(partition, committed)

    async def on_partitions_revoked(self: Any, revoked: set[Any]) -> None:
        await revoked_(self, revoked)  # waits for what is at work, and commits it (F8)
        for partition in revoked:
            self._in_flight.pop(partition, None)
            self._next_offset.pop(partition, None)
            self._to_commit.discard(partition)

    def _new_offset(self: Any, partition: Any) -> Any:
        self._acked[partition].clear()
        self._acked_index[partition].clear()
        return min(self._in_flight.get(partition, ()), default=self._next_offset.get(partition))

    def ack_(self: Any, message: Any) -> bool:
        of_partition = self._in_flight.get(message.tp, {})
        if message.offset in of_partition:
            del of_partition[message.offset]
            self._to_commit.add(message.tp)
        return bool(ack(self, message))

    Consumer.__init__ = __init__
    Consumer.perform_seek = perform_seek
    Consumer.seek_to_last_commit = seek_to_last_commit
    Consumer.on_partitions_revoked = on_partitions_revoked
    Consumer._new_offset = _new_offset
    Consumer.ack = ack_


def f8_commit_before_partitions_go() -> None:
    """F8: the last commit, before a rebalance or the end, leaves out what was acked since the one before.

    At a rebalance Faust forgets what is acked, then commits; a fetch that is cut short seeks, and forgets as well;
    and where a commit is under way already, the last one returns without doing anything. Each way up to a commit
    interval of work is done again. So would be what a step was handed past the broker and is through with.
    """

    def _filter_tps_with_pending_acks(self: Any, topics: Any = None) -> list[Any]:
        # only where a record of this assignment was acked: what an old fetch still delivers after a rebalance lies
        # beyond records that were dropped, and to commit it would lose them
        return [tp for tp in self._to_commit if topics is None or tp in topics or tp.topic in topics]

    async def commit_and_end_transactions(self: Any) -> None:
        for topic, partition, offset in await self.app.before_last_commit():
            ack_unread(self, TP(topic, partition), offset)
        await self.maybe_wait_for_commit_to_finish()
        await self.commit()

    def ack_unread(self: Any, partition: TP, offset: int) -> None:
        # one that waits for its agent, or the next one in the log
        of_partition = self._in_flight.get(partition, {})
        if offset in of_partition:
            del of_partition[offset]
        elif self._next_offset.get(partition) == offset:
            self._next_offset[partition] = offset + 1
        else:
            return
        self._to_commit.add(partition)

    Consumer._filter_tps_with_pending_acks = _filter_tps_with_pending_acks
    Consumer.commit_and_end_transactions = commit_and_end_transactions
