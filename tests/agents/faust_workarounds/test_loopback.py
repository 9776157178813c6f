"""What a worker writes for itself comes to it with the acknowledgement (F21), on the real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.structs import ConsumerRecord

from agents.faust_workarounds import Loopback
from agents.faust_workarounds.loopback import Brought, f21_ask_again_after_the_step
from agents.producers import StepProducer
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.agents.faust_workarounds.originals import faust_with

PARTITIONS = 3
HEADERS = (("user", b"ann"), ("empty", b""), ("user", b"twice"))

Read: TypeAlias = ConsumerRecord[Any, Any]


@pytest.fixture(params=[topics.BATCHES, topics.TASK_EVENTS], ids=["the producer's time", "the broker's time"])
async def topic(request: pytest.FixtureRequest, kafka_server: Kafka, namespace: str) -> str:
    """A topic of PARTITIONS partitions."""
    await create_topics(kafka_server.bootstrap_servers, namespace, PARTITIONS, 1)
    return topics.topic_name(namespace, request.param)


def consumer_of(kafka: Kafka) -> AIOKafkaConsumer:
    """From the earliest record on."""
    return AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )


@pytest.fixture
async def reader(kafka_server: Kafka, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of all partitions, at the beginning of each."""
    async with consumer_of(kafka_server) as consumer:
        consumer.assign([TopicPartition(topic, one) for one in range(PARTITIONS)])
        for one in consumer.assignment():
            await consumer.position(one)
        yield consumer


@pytest.fixture
async def producer(kafka_server: Kafka, reader: AIOKafkaConsumer) -> AsyncIterator[StepProducer]:
    """Whose messages come back to the reader."""
    app = SimpleNamespace(consumer=SimpleNamespace(_thread=SimpleNamespace(_consumer=reader)))
    producer = StepProducer(kafka_server.bootstrap_servers, "test", {}, Loopback(app))
    yield producer
    await producer.stop()


async def write(producer: StepProducer, topic: str, *values: bytes | None, partition: int = 1) -> None:
    """Messages by one request, acknowledged."""
    sent = [await producer.send(topic, b"key", value, partition, HEADERS) for value in values]
    await asyncio.gather(*sent)


async def read(consumer: AIOKafkaConsumer, count: int) -> list[Read]:
    """So many records, in the order in which they come."""
    found: list[Read] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    return found


def brought(consumer: AIOKafkaConsumer) -> int:
    """How many records wait in a consumer that no fetch has brought."""
    waiting: Any = [one._partition_records for one in consumer._fetcher._records.values()]
    return sum(len(one._records) for one in waiting if isinstance(one, Brought))


@contextlib.asynccontextmanager
async def without_answers(reader: AIOKafkaConsumer) -> AsyncIterator[None]:
    """The broker's answers to fetches never come."""

    async def never(*request: Any) -> bool:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up.wait()
        return False

    begun, given_up = asyncio.Event(), asyncio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader._fetcher, "_proc_fetch_request", never)
        await begun.wait()  # the fetch before is over
        yield
    given_up.set()


async def test_f21_what_is_acknowledged_is_there_without_a_fetch(
    producer: StepProducer, reader: AIOKafkaConsumer, topic: str
) -> None:
    """One after the other, and several by one request."""
    async with without_answers(reader):
        await write(producer, topic, b"0")
        assert [one.value for one in await read(reader, 1)] == [b"0"]

        await write(producer, topic, b"1", b"2", None)
        assert [one.value for one in await read(reader, 3)] == [b"1", b"2", None]
        assert await reader.position(TopicPartition(topic, 1)) == 4


async def test_f21_a_record_is_as_a_fetch_brings_it(
    kafka_server: Kafka,
    producer: StepProducer,
    reader: AIOKafkaConsumer,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In everything, its time too: what a step makes of it must not depend on the way. Messages of one request
    have times of their own, which aiokafka does not tell."""
    ticks = iter(range(1_790_000_000, 1_790_000_010))
    monkeypatch.setattr("agents.producers.time", SimpleNamespace(time=lambda: next(ticks)))
    async with without_answers(reader):
        await write(producer, topic, b"0", b"1", None)
        looped = await read(reader, 3)

    async with consumer_of(kafka_server) as another:
        another.assign([TopicPartition(topic, 1)])
        fetched = await read(another, 3)

    assert looped == fetched
    if topic.endswith(topics.BATCHES.name):
        assert [one.timestamp for one in fetched] == [1_790_000_000_000, 1_790_000_001_000, 1_790_000_002_000]


async def test_f21_what_lies_behind_another_record_waits_for_the_fetch(
    kafka_server: Kafka, producer: StepProducer, reader: AIOKafkaConsumer, topic: str
) -> None:
    """Another producer was first: the order of a partition stays."""
    stranger = StepProducer(kafka_server.bootstrap_servers, "stranger", {})
    await write(stranger, topic, b"theirs")
    await stranger.stop()

    await write(producer, topic, b"ours")

    assert [one.value for one in await read(reader, 2)] == [b"theirs", b"ours"]


async def test_f21_a_seek_or_a_pause_is_kept_to(
    producer: StepProducer, reader: AIOKafkaConsumer, topic: str
) -> None:
    """What was brought and not taken is dropped by a seek, and comes by a fetch, once."""
    partition = TopicPartition(topic, 1)
    async with without_answers(reader):
        await write(producer, topic, b"0", b"1")
        assert brought(reader) == 2
        reader.seek(partition, 1)
    assert [one.offset for one in await read(reader, 1)] == [1]

    reader.pause(partition)
    await write(producer, topic, b"2")
    assert brought(reader) == 0
    await write(producer, topic, b"other", partition=2)
    assert [one.value for one in await read(reader, 1)] == [b"other"]
    reader.resume(partition)
    assert [one.offset for one in await read(reader, 1)] == [2]


async def test_f21_partitions_of_others_are_let_be(
    producer: StepProducer, reader: AIOKafkaConsumer, topic: str
) -> None:
    """And a worker that has no assignment."""
    reader.assign([TopicPartition(topic, 0)])
    await write(producer, topic, b"theirs")
    assert brought(reader) == 0

    reader.unsubscribe()
    await write(producer, topic, b"theirs", partition=0)
    assert brought(reader) == 0


async def test_f21_whatever_the_way_every_record_comes_once_and_in_order(
    kafka_server: Kafka, producer: StepProducer, reader: AIOKafkaConsumer, topic: str
) -> None:
    """Beside another producer on the same partition, each with as many messages at a time as it likes."""
    stranger = StepProducer(kafka_server.bootstrap_servers, "stranger", {})
    most = 400

    async def send(by: StepProducer, name: str, at_once: int) -> None:
        for first in range(0, most, at_once):
            await write(by, topic, *(f"{name} {one}".encode() for one in range(first, first + at_once)))

    reading = asyncio.create_task(read(reader, 2 * most))
    await asyncio.gather(send(producer, "ours", 2), send(stranger, "theirs", 5))
    found = await reading
    await stranger.stop()

    assert [one.offset for one in found] == list(range(2 * most))
    for name in ("ours", "theirs"):
        values = [one.value.decode() for one in found if one.value.decode().startswith(name)]
        assert values == [f"{name} {one}" for one in range(most)]


@pytest.mark.parametrize(
    ("patches", "repeated"),
    [((), True), ((f21_ask_again_after_the_step,), False)],
    ids=["aiokafka's own", "ours"],
)
@pytest.mark.parametrize("brings", [True, False], ids=["news", "nothing new"])
async def test_f21_a_fetch_that_brought_nothing_new_makes_way(
    patches: tuple[Callable[[], None], ...], repeated: bool, brings: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the step of what came with the acknowledgement; aiokafka's own is repeated at once."""
    monkeypatch.setattr("agents.faust_workarounds.loopback.STEP_SECONDS", 3600)

    async def answered(*request: Any) -> bool:
        return brings

    with faust_with():
        monkeypatch.setattr(Fetcher, "_proc_fetch_request", answered)
        for patch in patches:
            patch()
        fetching = asyncio.create_task(Fetcher._proc_fetch_request(SimpleNamespace()))
        for _ in range(10):
            await asyncio.sleep(0)

        assert fetching.done() == (repeated or brings)
        fetching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            assert await fetching == brings
