"""What is fetched (F3, first half, and F20), and put back (F14)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faust.transport.drivers import aiokafka as driver

from agents.faust_workarounds.fetching import f3_fetch_only_active_partitions, f14_take_back_what_nobody_waits_for
from agents.faust_workarounds.recovery import f20_deliver_what_is_active_now, f20_pause_in_the_client_too
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.agents.faust_workarounds.originals import faust_with

F14 = f14_take_back_what_nobody_waits_for


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
    with faust_with(f3_fetch_only_active_partitions):
        assert await _fetched_for_nothing(two_topics) == []


async def test_f3_fausts_own_code_follows_a_set_that_changes_meanwhile(two_topics: Any) -> None:
    """The set belongs to the main thread, which empties it before it fills it anew."""
    with faust_with():
        assert two_topics[2][1] in await _fetched_while_cleared(two_topics)


async def test_f3_a_fetch_keeps_to_the_set_that_it_began_with(two_topics: Any) -> None:
    """It has a snapshot."""
    with faust_with(f3_fetch_only_active_partitions):
        assert await _fetched_while_cleared(two_topics) == [two_topics[2][0]]


class FaustConsumer:
    """What Faust's consumer knows of its partitions, around a client on the real broker."""

    def __init__(self, client: Any, active: set[TopicPartition], in_recovery: bool) -> None:
        self._active_partitions, self._paused_partitions = active, set[TopicPartition]()
        self._thread = SimpleNamespace(_ensure_consumer=lambda: client)
        self.app = SimpleNamespace(in_recovery=in_recovery)

    def _get_active_partitions(self) -> set[TopicPartition]:
        return self._active_partitions


async def _undrained_when_paused(two_topics: Any) -> bool:
    """Whether a record of a paused partition is fetched, when a later one of another partition is there."""
    client, producer, (active, paused) = two_topics
    driver.Consumer.pause_partitions(FaustConsumer(client, {active, paused}, in_recovery=True), {paused})
    await producer.send_and_wait(paused.topic, b"record", partition=0)
    await producer.send_and_wait(active.topic, b"record", partition=0)
    await _buffered(client, active)
    return paused in client._fetcher._records


async def test_f20_fausts_own_code_fetches_what_is_paused(two_topics: Any) -> None:
    """It is never drained, and holds back what comes after it."""
    with faust_with():
        assert await _undrained_when_paused(two_topics)


async def test_f20_what_is_paused_is_not_fetched(two_topics: Any) -> None:
    """Faust and its client agree."""
    with faust_with(f20_pause_in_the_client_too):
        assert not await _undrained_when_paused(two_topics)


async def test_f20_what_is_resumed_is_fetched_and_waited_for_as_ever(two_topics: Any) -> None:
    """But while tables are recovered no fetch waits for long: what it waits for is not what is wanted next."""
    client, producer, (active, paused) = two_topics
    with faust_with(f20_pause_in_the_client_too):
        waits = []
        for in_recovery in (True, False):
            consumer = FaustConsumer(client, {active, paused}, in_recovery)
            driver.Consumer.pause_partitions(consumer, {paused})
            driver.Consumer.resume_partitions(consumer, {paused})
            waits.append(client._fetcher._fetch_max_wait_ms)
    assert waits == [20, 1500]
    await producer.send_and_wait(paused.topic, b"record", partition=0)
    await _buffered(client, paused)


async def _fetched_after_the_recovery(two_topics: Any) -> list[TopicPartition]:
    """A fetch waits for the one partition, then the other is active; a record of each comes, of that one first."""
    client, producer, (changelog, stream) = two_topics
    consumer = SimpleNamespace(flow_active=True, _active_partitions={changelog})
    fetching = asyncio.create_task(
        driver.AIOKafkaConsumerThread._fetch_records(
            SimpleNamespace(consumer=consumer), client, frozenset({changelog}), timeout=20
        )
    )
    await asyncio.sleep(0)
    consumer._active_partitions = {stream}
    await producer.send_and_wait(stream.topic, b"record", partition=0)
    await asyncio.wait([fetching, asyncio.create_task(_buffered(client, stream))], return_when="FIRST_COMPLETED")
    await producer.send_and_wait(changelog.topic, b"record", partition=0)
    return sorted(await fetching)


async def test_f20_fausts_own_code_waits_for_what_was_active(two_topics: Any) -> None:
    """What is active by then lies there meanwhile."""
    with faust_with():
        assert await _fetched_after_the_recovery(two_topics) == [two_topics[2][0]]


async def test_f20_what_is_active_now_is_delivered(two_topics: Any) -> None:
    """Though the fetch began before."""
    with faust_with(f20_deliver_what_is_active_now):
        assert await _fetched_after_the_recovery(two_topics) == [two_topics[2][1]]


@pytest.fixture
async def reader(kafka_server: Kafka, namespace: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of one partition, at its beginning."""
    await create_topics(kafka_server.bootstrap_servers, namespace, 1, 1)
    partition = TopicPartition(topics.topic_name(namespace, topics.BATCHES), 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka_server.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:
        consumer.assign([partition])
        assert await consumer.position(partition) == 0
        yield consumer


async def _position_after(kafka: Kafka, reader: AIOKafkaConsumer, active: bool, flow: bool) -> tuple[int, int]:
    """A fetch waits, what is wanted changes, then a record comes: how many are taken, and the position."""
    (partition,) = reader.assignment()
    live = {partition}
    faust_consumer = SimpleNamespace(flow_active=True, _get_active_partitions=lambda: live)
    fetching = asyncio.create_task(
        driver.AIOKafkaConsumerThread._fetch_records(
            SimpleNamespace(consumer=faust_consumer), reader, frozenset(live), timeout=30
        )
    )
    await asyncio.sleep(0)
    live, faust_consumer.flow_active = ({partition} if active else set()), flow
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(partition.topic, b"record", partition=0)
    taken = await fetching
    return sum(map(len, taken.values())), await reader.position(partition)


@pytest.mark.parametrize(("active", "flow"), [(True, False), (False, True)], ids=["flow stopped", "paused"])
@pytest.mark.parametrize(("patches", "after"), [((), (1, 1)), ((F14,), (0, 0))], ids=["Faust's own", "ours"])
async def test_f14_what_nobody_waits_for_is_put_back(
    kafka_server: Kafka,
    reader: AIOKafkaConsumer,
    active: bool,
    flow: bool,
    patches: tuple[Callable[[], None], ...],
    after: tuple[int, int],
) -> None:
    """Faust's own takes it, though it drops it, and stands behind it: it is never delivered."""
    with faust_with(*patches):
        assert await _position_after(kafka_server, reader, active, flow) == after


async def test_f14_what_is_waited_for_is_delivered(kafka_server: Kafka, reader: AIOKafkaConsumer) -> None:
    """A fetch that outlives a whole rebalance may deliver what is ours again."""
    with faust_with(F14):
        assert await _position_after(kafka_server, reader, active=True, flow=True) == (1, 1)
