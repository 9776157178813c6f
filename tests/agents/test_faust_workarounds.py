"""Every workaround for Faust: the same scenario with Faust's own code shows the defect, with ours it does not.

Should a test of "Faust's own code" fail, the defect is mended upstream and its workaround can go.
"""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import mode
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.exceptions import ValueDecodeError
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents import faust_workarounds
from agents.delivery import Delivery, Record, register
from embedded import Kafka
from numberline.setup.topics import create_topics
from pipeline.metrics import WorkerMetrics
from schemas import topics
from tests.agents.story import WORKAROUNDS, Story, Teller, tell

PATCHED = (
    (driver.Producer, "_settings_extra"),
    (driver.AIOKafkaConsumerThread, "_fetch_records"),
    (Consumer, "__init__"),
    (Consumer, "perform_seek"),
    (Consumer, "on_partitions_revoked"),
    (Consumer, "_new_offset"),
    (Consumer, "ack"),
    (Consumer, "wait_first"),
    (Recovery, "on_recovery_completed"),
    (TopicPartitionState, "await_reset"),
    (Consumer, "_filter_tps_with_pending_acks"),
    (Consumer, "commit_and_end_transactions"),
    (GroupCoordinator, "_maybe_leave_group"),
    (mode.Worker, "_gather_all"),
    (driver.Consumer, "subscribe"),
    (CoordinatorGroupRebalance, "_on_join_follower"),
)
# taken while pytest collects, before anything can have installed the workarounds
ORIGINALS = [(owner, name, getattr(owner, name)) for owner, name in PATCHED]

EVENTS = TP("events", 0)
CHANGELOG = TP("app-tasks-changelog", 0)


@contextlib.contextmanager
def faust_with(*patches: Callable[[], None]) -> Iterator[None]:
    """Faust's own code with these workarounds alone, and afterwards whatever was there before."""
    before = [(owner, name, getattr(owner, name)) for owner, name in PATCHED]
    try:
        for owner, name, original in ORIGINALS:
            setattr(owner, name, original)
        for patch in patches:
            patch()
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def test_what_is_compared_with_is_fausts_own_code() -> None:
    """Nothing here was patched when the originals were taken."""
    assert {getattr(original, "__module__", "") for *_, original in ORIGINALS} == {
        "faust.transport.consumer",
        "mode.services",
        "faust.transport.drivers.aiokafka",
        "faust.tables.recovery",
        "mode.worker",
        "aiokafka.consumer.group_coordinator",
        "aiokafka.consumer.subscription_state",
    }


def test_install_applies_every_patch_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it none of the originals is left; a second call wraps nothing twice."""
    with faust_with():
        monkeypatch.delattr(faust_workarounds.install, "done", raising=False)
        faust_workarounds.install()
        once = [getattr(owner, name) for owner, name in PATCHED]
        faust_workarounds.install()

        assert [getattr(owner, name) for owner, name in PATCHED] == once
        assert all(now is not original for now, (*_, original) in zip(once, ORIGINALS, strict=True))


# The producer


async def _producer_settings() -> tuple[Any, bool]:
    """Acks and idempotence of the producer that Faust makes."""
    app = faust.App("app", broker="kafka://127.0.0.1:1", producer_linger=0)
    inner = driver.Producer(driver.Transport([faust_url()], app))._new_producer()
    try:
        return inner._sender._acks, inner._txn_manager is not None
    finally:
        await inner.stop()


def faust_url() -> Any:
    """A broker's URL as Faust has it."""
    return faust.App("url", broker="kafka://127.0.0.1:1").conf.broker[0]


async def test_fausts_own_producer_is_not_idempotent() -> None:
    """Its retries may duplicate and reorder."""
    with faust_with():
        assert await _producer_settings() == (-1, False)


async def test_our_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    """acks=all with a producer id."""
    with faust_with(faust_workarounds._producer_is_idempotent):
        assert await _producer_settings() == (-1, True)


# F1: what is committed


class FakeConsumer(Consumer):  # type: ignore[misc]
    """Faust's consumer, without a broker: `committed` is what it sent there."""

    def __init__(self, app: Any, assigned: set[TP]) -> None:
        transport = SimpleNamespace(app=app, create_transaction_manager=lambda **_: None)
        self.committed: dict[TP, int] = {}
        self.on_seek: Callable[[], None] = lambda: None
        self._assigned = assigned
        super().__init__(transport, self._deliver, self._revoked, self._nothing)

    async def _deliver(self, message: Any) -> None:
        pass

    async def _nothing(self, *_: Any) -> None:
        pass

    async def _revoked(self, _: set[TP]) -> None:
        """As the application does: wait for what is at work, and commit it."""
        await self.wait_empty()

    async def _commit(self, offsets: Any) -> bool:
        self.committed.update(offsets)
        return True

    async def seek_to_committed(self) -> dict[TP, int]:
        self.on_seek()
        return dict(self.committed)

    def assignment(self) -> set[TP]:
        return self._assigned

    async def deliver(self, offset: int) -> Any:
        """One record on its way to its agent."""
        message = ConsumerMessage(EVENTS.topic, EVENTS.partition, offset, 0.0, 0, None, None, b"", None, tp=EVENTS)
        message.refcount = 1
        await self.callback(message)
        return message


async def unused(*_: Any) -> None:
    """What no test calls."""
    raise NotImplementedError


for _name in Consumer.__abstractmethods__ - set(vars(FakeConsumer)):
    setattr(FakeConsumer, _name, unused)
FakeConsumer.__abstractmethods__ = frozenset()


class FakeProducer:
    """Has nothing to flush."""

    async def flush(self) -> None:
        """At once."""


def fake_app() -> Any:
    """A Faust application whose one topic is acked."""
    app = faust_workarounds.App("app", broker="kafka://127.0.0.1:1", topic_allow_declare=False)
    app.producer = FakeProducer()
    app.topics.acking_topics.add(EVENTS.topic)
    return app


@pytest.fixture
def with_f1() -> Iterator[None]:
    """Faust with the workaround for F1."""
    with faust_with(faust_workarounds._f1_commit_only_what_is_acked):
        yield


async def _second_acked_first(committed: int | None) -> dict[TP, int]:
    """What is committed when the second of two records is acked and the first still at work."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    consumer._committed_offset[EVENTS] = committed
    first = committed or 0
    await consumer.deliver(first)
    second = await consumer.deliver(first + 1)
    second.ack(consumer)
    await consumer.commit()
    return consumer.committed


@pytest.mark.parametrize(("committed", "lost"), [(None, 2), (5, 7)])
async def test_f1_fausts_own_code_commits_past_a_record_at_work(committed: int | None, lost: int) -> None:
    """The first record of a partition, and the one at the committed offset."""
    with faust_with():
        assert await _second_acked_first(committed) == {EVENTS: lost}


@pytest.mark.parametrize("committed", [None, 5])
async def test_f1_nothing_is_committed_past_a_record_at_work(with_f1: None, committed: int | None) -> None:
    """The lowest record not acked is where a restart begins."""
    assert (await _second_acked_first(committed)).get(EVENTS, committed or 0) == (committed or 0)


async def test_f1_what_is_acked_is_committed(with_f1: None) -> None:
    """As far as the lowest that is not, over gaps in the log, and at last past all."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    messages = [await consumer.deliver(offset) for offset in (3, 4, 7, 9)]

    commits = []
    for acked in (1, 0, 3, 2):
        messages[acked].ack(consumer)
        await consumer.commit()
        commits.append(consumer.committed[EVENTS])
    assert commits == [3, 7, 7, 10]


async def test_f1_a_seek_forgets_what_was_delivered(with_f1: None) -> None:
    """All that is not committed comes again; the old deliveries must neither hold back nor advance it."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    for offset in (0, 1, 2):
        await consumer.deliver(offset)
    await consumer.perform_seek()
    again = await consumer.deliver(0)
    again.ack(consumer)
    await consumer.commit()
    assert consumer.committed == {EVENTS: 1}


async def test_f1_a_revoked_partition_is_forgotten(with_f1: None) -> None:
    """When it comes back, it begins at another offset."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    await consumer.deliver(0)
    await consumer.on_partitions_revoked({EVENTS})
    again = await consumer.deliver(8)
    again.ack(consumer)
    await consumer.commit()
    assert consumer.committed == {EVENTS: 9}


# F3, first half: the set of active partitions


@pytest.fixture
async def two_topics(kafka_server: Kafka, namespace: str) -> AsyncIterator[tuple[Any, Any, list[TopicPartition]]]:
    """A consumer of two partitions on the real broker, a producer, and the partitions."""
    await create_topics(kafka_server.bootstrap_servers, namespace, 1, 1)
    names = [topics.topic_name(namespace, topic) for topic in (topics.BATCHES, topics.NUMBERS)]
    partitions = [TopicPartition(name, 0) for name in names]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_server.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers)
    await consumer.start()
    await producer.start()
    consumer.assign(partitions)
    yield consumer, producer, partitions
    await producer.stop()
    await consumer.stop()


async def _buffered(consumer: Any, partition: TopicPartition) -> None:
    """Wait until a record of the partition is fetched, and not yet asked for."""
    async with asyncio.timeout(30):
        while partition not in consumer._fetcher._records:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _fetch(consumer: Any, active: Any) -> list[TopicPartition]:
    thread = SimpleNamespace(consumer=SimpleNamespace(flow_active=True))
    fetched = await driver.AIOKafkaConsumerThread._fetch_records(thread, consumer, active, timeout=20)
    return sorted(fetched)


async def _fetched_for_nothing(two_topics: Any) -> list[TopicPartition]:
    """What is fetched for no active partition, while a record of a paused one is there."""
    consumer, producer, (_, paused) = two_topics
    await producer.send_and_wait(paused.topic, b"record", partition=0)
    await _buffered(consumer, paused)
    return await _fetch(consumer, set())


async def _fetched_while_cleared(two_topics: Any) -> list[TopicPartition]:
    """What is fetched when the main thread empties the set, as it does to fill it anew, during the fetch."""
    consumer, producer, (active, paused) = two_topics
    shared = {active}
    fetching = asyncio.create_task(_fetch(consumer, shared))
    await asyncio.sleep(0.05)
    shared.clear()
    await producer.send_and_wait(paused.topic, b"record", partition=0)
    await asyncio.wait([fetching, asyncio.create_task(_buffered(consumer, paused))], return_when="FIRST_COMPLETED")
    await producer.send_and_wait(active.topic, b"record", partition=0)
    return await fetching


async def test_f3_fausts_own_code_reads_an_empty_set_as_all_partitions(two_topics: Any) -> None:
    """A record of a paused partition is taken out of the consumer, and then dropped."""
    with faust_with():
        assert await _fetched_for_nothing(two_topics) == [two_topics[2][1]]


async def test_f3_nothing_is_fetched_for_an_empty_set(two_topics: Any) -> None:
    """No active partition means no record."""
    with faust_with(faust_workarounds._f3_fetch_only_active_partitions):
        assert await _fetched_for_nothing(two_topics) == []


async def test_f3_fausts_own_code_follows_a_set_that_changes_meanwhile(two_topics: Any) -> None:
    """The set belongs to the main thread, which empties it before it fills it anew."""
    with faust_with():
        assert two_topics[2][1] in await _fetched_while_cleared(two_topics)


async def test_f3_a_fetch_keeps_to_the_set_that_it_began_with(two_topics: Any) -> None:
    """It has a snapshot."""
    with faust_with(faust_workarounds._f3_fetch_only_active_partitions):
        assert await _fetched_while_cleared(two_topics) == [two_topics[2][0]]


# F3, second half: the order of seeking and resuming


async def _active_during_the_seek() -> tuple[set[TP], set[TP]]:
    """Active partitions while recovery seeks to the committed offsets, and when it is done."""
    app = fake_app()
    during: list[set[TP]] = []
    consumer = FakeConsumer(app, {EVENTS, CHANGELOG})
    consumer.on_seek = lambda: during.append(set(consumer._get_active_partitions()))
    consumer.pause_partitions({EVENTS, CHANGELOG})
    paused: list[set[TP]] = []
    consumer._thread = FakeThread({EVENTS, CHANGELOG}, paused)
    app.consumer = consumer
    app.tables._changelogs[CHANGELOG.topic] = None
    app._fetcher.maybe_start = consumer._nothing
    recovery = Recovery(app, app.tables)
    app.consumer_generation_id = 1
    await recovery.on_recovery_completed(1)
    assert recovery.completed.is_set()
    return during[0], set(consumer._get_active_partitions())


class FakeThread:
    """The consumer's thread, in this one."""

    def __init__(self, assigned: set[TP], paused: list[set[TP]]) -> None:
        self._assigned, self._paused = assigned, paused

    def _ensure_consumer(self) -> Any:
        return SimpleNamespace(assignment=lambda: self._assigned, pause=lambda *tps: self._paused.append(set(tps)))

    async def call_thread(self, function: Any) -> None:
        """At once."""
        await function()


async def test_f3_fausts_own_code_resumes_before_it_seeks() -> None:
    """What is fetched in between is at the wrong position, and marks later records as read."""
    with faust_with():
        during, after = await _active_during_the_seek()
    assert EVENTS in during
    assert after == {EVENTS}


async def test_f3_nothing_is_active_before_the_seek() -> None:
    """Afterwards the streams are, and the changelogs are not."""
    with faust_with(faust_workarounds._f1_commit_only_what_is_acked, faust_workarounds._f3_seek_before_resuming):
        during, after = await _active_during_the_seek()
    assert during == set()
    assert after == {EVENTS}


# F4: whether an event is acked whose step raises


async def _acked_after_raising(run: Callable[[Any], Any], app: Any) -> bool:
    """Whether Faust counts an event as done when the agent that iterates over it raises."""
    app.consumer = consumer = FakeConsumer(app, {EVENTS})
    app.flow_control.resume()
    app.consumer_generation_id = 1
    stream = app.stream(app.topic(EVENTS.topic, value_type=bytes, value_serializer="raw"))
    message = await consumer.deliver(0)
    message.generation_id = 1
    await stream.channel.queue.put(await stream.channel.decode(message, propagate=True))
    with pytest.raises(OSError, match="in the step"):
        await run(stream)
    gc.collect()
    for _ in range(20):  # the loop closes the stream that was left behind, which is when Faust acks
        await asyncio.sleep(0)
    return bool(message.acked)


async def test_f4_faust_acks_an_event_whose_agent_raised() -> None:
    """It may be committed before the process is gone, and never comes again."""

    async def run(stream: Any) -> None:
        async for _ in stream.events():
            raise OSError("in the step")

    with faust_with():
        assert await _acked_after_raising(run, fake_app())


async def test_f4_an_event_whose_step_raised_is_not_acked(
    metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registered step acks by hand, when it is done; its failure is the worker's end."""
    ended: list[str] = []
    monkeypatch.setattr("agents.delivery.end_soon", lambda name, error: ended.append(f"{name}: {error}"))

    async def step(_: Record) -> None:
        raise OSError("in the step")

    with faust_with():
        app = fake_app()
        register(app, Delivery(app, "test", 1, 1, metrics), topics.REQUESTS, "intake", step, "test")
        assert not await _acked_after_raising(app.agents["intake"].fun, app)
    assert ended == ["intake: in the step"]


# Raw values and tombstones


def _message(value: bytes | None) -> Any:
    return ConsumerMessage("events", 0, 0, 0.0, 0, None, b"\xff", value, None, tp=EVENTS)


@pytest.mark.parametrize("value", [b"\xff{", b""])
async def test_fausts_own_decoding_raises_before_an_agent_sees_the_record(value: bytes) -> None:
    """Bytes that are no JSON end the worker, and end the next one too."""
    app = faust.App("app", broker="kafka://127.0.0.1:1")
    with pytest.raises(ValueDecodeError):
        await app.topic("events").decode(_message(value), propagate=True)


@pytest.mark.parametrize("value", [b"\xff{", b"", None])
async def test_a_registered_step_gets_bytes_and_tombstones_as_they_are(
    value: bytes | None, metrics: WorkerMetrics
) -> None:
    """Decoding is the step's own, so that a record it cannot read is its to give up."""
    app = faust.App("app", broker="kafka://127.0.0.1:1")
    register(app, Delivery(app, "test", 1, 1, metrics), topics.REQUESTS, "intake", unused, "test")
    event = await app.agents["intake"].channel.decode(_message(value), propagate=True)
    assert (event.key, event.value) == (b"\xff", value)


# The story of two workers on a real broker


@pytest.fixture(scope="module")
def stories(kafka_server: Kafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Story]:
    """What happened to a worker with Faust's own code, and to one with the workarounds, told at once."""

    def told(name: str, without: frozenset[str]) -> Story:
        asyncio.run(create_topics(kafka_server.bootstrap_servers, name, 1, 1))
        directory: Path = tmp_path_factory.mktemp(name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        return tell(Teller(kafka_server.bootstrap_servers, name, directory, without, port))

    with ThreadPoolExecutor() as pool:
        own = pool.submit(told, "story-own", WORKAROUNDS)
        ours = pool.submit(told, "story-ours", frozenset())
        return own.result(), ours.result()


def test_f2_a_commit_waits_for_the_changelog(stories: tuple[Story, Story]) -> None:
    """The broker refuses the record of a table: Faust commits the event all the same, we end with 1."""
    own, ours = stories
    assert own.refused_committed
    assert not ours.refused_committed
    assert ours.refused_exit == 1


def test_f4_a_record_whose_step_raised_comes_again(stories: tuple[Story, Story]) -> None:
    """The worker exits with 1, has committed nothing, and the next one processes the record."""
    _, ours = stories
    assert ours.dead_once == [1, 1, 1]
    assert ours.committed_after_death == ours.offset_of_death


def test_f6_a_successors_record_is_not_skipped(stories: tuple[Story, Story]) -> None:
    """It lies in the changelog between two of ours; after a restart Faust's table lacks it for good."""
    own, ours = stories
    assert own.keys == ["ours-1", "ours-2"]
    assert ours.keys == ["foreign", "ours-1", "ours-2"]


def test_own_changelogs_are_paused_after_recovery(stories: tuple[Story, Story]) -> None:
    """Faust fetches what the worker itself wrote, and nobody drains it."""
    own, ours = stories
    assert own.look["undrained"] == ["story-own-tasks-changelog"]
    assert own.look["paused"] == []
    assert ours.look["undrained"] == []
    assert ours.look["paused"] == ["story-ours-tasks-changelog"]


def test_f7_a_worker_ends_when_records_are_gone(stories: tuple[Story, Story]) -> None:
    """aiokafka goes on with the earliest record that is left and tells nobody; we exit with 1 and a message."""
    own, ours = stories
    assert own.gone_reached
    assert own.gone_exit == 0
    assert not ours.gone_reached
    assert ours.gone_exit == 1
    message = "the position of a partition is out of the range that the broker keeps: records expired unread"
    assert message in ours.log
    assert message not in own.log


def test_raw_values_and_tombstones_reach_a_step(stories: tuple[Story, Story]) -> None:
    """And are committed once it is done with them."""
    _, ours = stories
    assert ours.raw_values == [b"\xff{".hex(), None]
    assert ours.raw_committed == 2


def test_a_worker_opens_no_port_of_fausts(stories: tuple[Story, Story]) -> None:
    """Faust's web server is on unless it is turned off, and its one port is the second worker's end."""
    own, ours = stories
    assert len(own.listening) == 1
    assert ours.listening == []


class Delivering(mode.Service):  # type: ignore[misc]
    """What wait_first asks of a consumer, with a queue of one place to deliver to."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[str] = asyncio.Queue(1)
        self.suspended, self.tasks = asyncio.Event(), 0

    async def callback(self, message: str) -> None:
        """Deliver one message, and wait for room."""
        await self.queue.put(message)

    async def deliver(self, message: str) -> None:
        """As Faust's consumer does it; `tasks` counts what it makes."""
        loop = asyncio.get_running_loop()

        def make(loop: Any, coro: Any, **kwargs: Any) -> Any:
            self.tasks += 1
            return asyncio.Task(coro, loop=loop, **kwargs)

        loop.set_task_factory(make)
        try:
            await Consumer.wait_first(self, self.callback(message), self.suspended.wait())
        finally:
            loop.set_task_factory(None)


@pytest.mark.parametrize(
    ("patches", "tasks"), [((), 4), ((faust_workarounds._f11_deliver_without_tasks,), 0)], ids=["Faust", "ours"]
)
async def test_f11_a_delivery_that_need_not_wait_makes_no_tasks(patches: Any, tasks: int) -> None:
    """Faust makes four for each message."""
    with faust_with(*patches):
        consumer = Delivering()
        await consumer.deliver("one")

    assert consumer.queue.get_nowait() == "one"
    assert consumer.tasks == tasks


async def test_f11_a_delivery_that_waits_is_finished_when_there_is_room() -> None:
    """It was begun by hand, and a task goes on with it."""
    with faust_with(faust_workarounds._f11_deliver_without_tasks):
        consumer = Delivering()
        await consumer.deliver("one")
        waiting = asyncio.create_task(consumer.deliver("two"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()

        assert consumer.queue.get_nowait() == "one"
        await waiting

    assert consumer.queue.get_nowait() == "two"


async def test_f11_a_delivery_that_waits_is_given_up_when_the_flow_is_suspended() -> None:
    """So that a rebalance never waits for a full buffer."""
    with faust_with(faust_workarounds._f11_deliver_without_tasks):
        consumer = Delivering()
        await consumer.deliver("one")
        waiting = asyncio.create_task(consumer.deliver("two"))
        await asyncio.sleep(0)

        consumer.suspended.set()
        await waiting

    assert consumer.queue.get_nowait() == "one"
    await asyncio.sleep(0)
    assert consumer.queue.empty()
