"""Workarounds for Faust-streaming 0.15.3 on aiokafka 0.14. Nothing else in the project patches either.

`install` is called before an App is made. Each function names the defect that it removes (docs/faust.md);
tests/agents/test_faust_workarounds.py holds each by a test that fails without it.
"""

import asyncio
import functools
import logging
import os
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any

import faust
import mode
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.coordinator.protocol import ConsumerProtocol
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from agents.broken_connections import end_with_the_fetcher, take_closed_for_broken
from agents.header_names import read_every_header

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.02  # between two looks for partitions to fetch from


def install() -> None:
    """Apply every patch; a second call changes nothing."""
    if getattr(install, "done", False):
        return
    _producer_is_idempotent()
    _f1_commit_only_what_is_acked()
    _f3_fetch_only_active_partitions()
    _f3_seek_before_resuming()
    _f7_end_when_records_are_gone()
    _f8_commit_before_partitions_go()
    _f9_leave_though_static()
    _f10_end_without_a_sleep()
    _f10_start_without_a_sleep()
    _f11_deliver_without_tasks()
    _f12_subscribe_no_more_at_the_end()
    _f12_take_no_assignment_without_our_topics()
    _f14_take_back_what_nobody_waits_for()
    read_every_header()
    take_closed_for_broken()
    end_with_the_fetcher()
    install.done = True  # type: ignore[attr-defined]


def _producer_is_idempotent() -> None:
    """Retries of the producer must neither reorder nor duplicate: changelog order is state order."""
    driver.Producer._settings_extra = lambda self: {"acks": "all", "enable_idempotence": True}


def _f1_commit_only_what_is_acked() -> None:
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


def _f3_fetch_only_active_partitions() -> None:
    """F3 (#596), first half: the set of active partitions is shared with the consumer's thread, and aiokafka
    reads an empty one as "all". Hand it a snapshot, and fetch nothing for an empty one."""
    fetch = driver.AIOKafkaConsumerThread._fetch_records

    async def _fetch_records(
        self: Any, consumer: Any, active: Any, timeout: Any = None, max_records: Any = None
    ) -> Any:
        if active is not None:
            active = frozenset(active)
            if not active:
                return {}
        return await fetch(self, consumer, active, timeout=timeout, max_records=max_records)

    driver.AIOKafkaConsumerThread._fetch_records = _fetch_records


def _f3_seek_before_resuming() -> None:
    """F3 (#596), second half: seek to the committed offsets before the partitions are resumed, not after."""

    async def on_recovery_completed(self: Any, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        assignment = consumer.assignment()
        if app.consumer_generation_id != generation_id:
            return
        if assignment:
            await self._wait(consumer.seek_to_last_commit(), timeout=app.conf.broker_request_timeout)
        changelogs = {partition for partition in assignment if self._is_changelog_tp(partition)}
        await _pause(consumer, changelogs - self.standby_tps)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_partitions(assignment - changelogs)
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()
        self.log.info("Worker ready")

    Recovery.on_recovery_completed = on_recovery_completed


async def _pause(consumer: Any, changelogs: set[Any]) -> None:
    """Stop fetching our own changelogs after recovery.

    Faust only ignores them: aiokafka fetches what we just wrote, nobody drains it, and every such record holds
    back all fetches from that broker for the prefetch backoff of 0.1 s. A rebalance makes new partition
    states, so recovery starts unpaused.
    """

    async def pause() -> None:
        inner = consumer._thread._ensure_consumer()
        inner.pause(*(partition for partition in inner.assignment() if partition in changelogs))

    if changelogs:
        await consumer._thread.call_thread(pause)


def _f7_end_when_records_are_gone() -> None:
    """F7: a position out of range is reset to the earliest record in mid-run, and what was lost is never told.

    aiokafka resets a partition that has no position yet (a new group) and one whose position is out of range by
    the same call. Only the first is meant.
    """
    await_reset = TopicPartitionState.await_reset

    def await_reset_(self: Any, strategy: int) -> None:
        if self.has_valid_position:
            log.critical(
                "the position of a partition is out of the range that the broker keeps: records expired unread "
                "or the log was cut. Move the consumer group to an offset that exists, start the worker, and send "
                "again what was lost with `numberline redrive --active`."
            )
            logging.shutdown()
            os._exit(1)
        await_reset(self, strategy)

    TopicPartitionState.await_reset = await_reset_


def _f8_commit_before_partitions_go() -> None:
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


def _f9_leave_though_static() -> None:
    """F9: a static member (KIP-345) leaves no group when it closes, and its partitions wait for its session to end.

    Static, so that a worker that was killed and starts again takes its place without a rebalance. One that ends
    properly leaves by its member id, so that the others take over at once.
    """
    leave = GroupCoordinator._maybe_leave_group

    async def _maybe_leave_group(self: Any) -> None:
        static, self._group_instance_id = self._group_instance_id, None
        try:
            await leave(self)
        finally:
            self._group_instance_id = static

    GroupCoordinator._maybe_leave_group = _maybe_leave_group


def _f10_end_without_a_sleep() -> None:
    """F10: where a library's task is left over at the end, the process waits a second before it cancels it."""

    def _gather_all(self: Any) -> None:
        if rest := asyncio.all_tasks(self.loop):
            for task in rest:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(rest, timeout=1.0))

    mode.Worker._gather_all = _gather_all


def _f10_start_without_a_sleep() -> None:
    """F10, at the start: a second before the tables start, and one each time that nothing is to be fetched yet."""

    async def on_start(self: Any) -> None:
        await self._update_channels()
        await self.recovery.start()

    wait_next_records = Consumer._wait_next_records

    async def _wait_next_records(self: Any, timeout: float) -> Any:
        if self.flow_active and not self._get_active_partitions():
            await asyncio.sleep(IDLE_SECONDS)
            return {}, self._get_active_partitions()
        return await wait_next_records(self, timeout)

    TableManager.on_start = on_start
    Consumer._wait_next_records = _wait_next_records


def _f11_deliver_without_tasks() -> None:
    """F11: each message is delivered by four asyncio tasks, so that a delivery that waits for room can be given up
    when the flow is suspended. Hardly one waits: it is begun without them, and left to Faust only where it does."""
    wait_first = Consumer.wait_first

    async def wait_first_(self: Any, *coros: Any, timeout: Any = None) -> Any:
        first, *others = coros
        if getattr(first, "cr_code", None) is not self.callback.__code__:
            return await wait_first(self, *coros, timeout=timeout)
        try:
            awaited = first.send(None)
        except StopIteration:
            for other in others:
                other.close()
            return None
        return await wait_first(self, _finish(first, awaited), *others, timeout=timeout)

    Consumer.wait_first = wait_first_


async def _finish(begun: Coroutine[Any, Any, None], awaited: Any) -> None:
    """A coroutine that was begun by hand and yielded what it awaits, for a task to finish."""
    await _go_on(begun, awaited)


@types.coroutine
def _go_on(begun: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            step = functools.partial(begun.throw, error)
        else:
            step = functools.partial(begun.send, sent)
        try:
            awaited = step()
        except StopIteration:
            return


def _f12_subscribe_no_more_at_the_end() -> None:
    """F12, first half: while a worker stops because an agent has crashed, it subscribes anew, without that agent's
    topic, and takes part in a rebalance for it."""
    subscribe = driver.Consumer.subscribe

    async def subscribe_(self: Any, topics: Any) -> None:
        if not self.app.should_stop:
            await subscribe(self, topics)

    driver.Consumer.subscribe = subscribe_


def _f12_take_no_assignment_without_our_topics() -> None:
    """F12, second half: a static member that comes back is handed the assignment of its predecessor, though the two
    have subscribed to different topics: after F12's first half, or an upgrade that adds one. The topics that it
    leaves out would have no reader. Leave, then join as somebody new: that makes a rebalance.
    """
    join = CoordinatorGroupRebalance._on_join_follower

    async def _on_join_follower(self: Any) -> bytes | None:
        assignment: bytes | None = await join(self)
        topics = _topics_assigned(assignment) if assignment else None
        if topics is not None and (missing := self._subscription.topics - topics):
            log.warning("the group's assignment leaves out %s: joining again", ", ".join(sorted(missing)))
            await self._coordinator._maybe_leave_group()
            return None
        return assignment

    CoordinatorGroupRebalance._on_join_follower = _on_join_follower


def _topics_assigned(assignment: bytes) -> set[str] | None:
    """Every topic that the leader has distributed, whichever member has got its partitions.

    None where Faust has not made the assignment: consumers beside the agents (agents/project.py) have groups too.
    """
    if not (user_data := ConsumerProtocol.ASSIGNMENT.decode(assignment).user_data):
        return None
    return set(ClientMetadata.loads(PartitionAssignor._decompress(user_data)).topic_groups)


def _f14_take_back_what_nobody_waits_for() -> None:
    """F14: a fetch that begins before a rebalance goes on for up to a second. Where it ends after the seek to the
    committed offsets and before the flow is resumed, what it took is dropped, and the position is behind it: those
    records are never delivered, and the next commit moves past them as well.

    Here, in the thread of the consumer, such records are put back: nothing else moves the position meanwhile.
    """
    fetch = driver.AIOKafkaConsumerThread._fetch_records

    async def _fetch_records(self: Any, consumer: Any, *args: Any, **kwargs: Any) -> Any:
        records = await fetch(self, consumer, *args, **kwargs)
        wanted = self.consumer._get_active_partitions() if self.consumer.flow_active else ()
        for partition in [one for one in records if one not in wanted]:
            dropped = records.pop(partition)
            if partition in consumer.assignment():
                consumer.seek(partition, dropped[0].offset)
        return records

    driver.AIOKafkaConsumerThread._fetch_records = _fetch_records


class App(faust.App):
    """An application that does something before it stops reading; Faust's `on_before_shutdown` comes after."""

    async def before_stop(self) -> None:
        """Nothing, unless the composition root replaces it."""

    async def before_last_commit(self) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of records that are dealt with and were not delivered: none, likewise."""
        return []

    async def on_stop(self) -> None:
        """Called when the application stops, before all that it consists of."""
        await self.before_stop()
        await super().on_stop()


class Monitor(faust.Monitor):
    """Tells of commits. Faust's own counts a dozen things more for every message, which nobody reads."""

    def __init__(self, committed: Callable[[], None]) -> None:
        super().__init__()
        self._committed = committed

    def on_commit_completed(self, consumer: Any, state: Any) -> None:
        self._committed()

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        pass

    on_message_in = on_message_out = on_stream_event_in = on_stream_event_out = _nothing
    on_table_get = on_table_set = on_table_del = _nothing
    on_send_initiated = on_send_completed = _nothing
    on_commit_initiated = on_tp_commit = _nothing


class Table(faust.Table):
    """A table of bytes whose writes can be awaited (F2) and whose local store survives a zombie (F6)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sent: list[Awaitable[Any]] = []
        self.count_bytes: Callable[[float], None] = lambda count: None  # told of what goes to the changelog

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        future = super().send_changelog(*args, **kwargs)
        self._sent.append(future)
        return future

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
