"""Fetches that name what has changed (F19), on the real broker."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11
from aiokafka.structs import ConsumerRecord

from agents.faust_workarounds.fetch_sessions import FetchSession, f19_fetch_what_has_changed
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.agents.faust_workarounds.originals import faust_with

PARTITIONS = 8
NO_SESSION = 70  # FETCH_SESSION_ID_NOT_FOUND
Wire = list[tuple[Any, Any]]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    """What consumers ask the broker for, as it goes over the wire, and its answers."""
    seen: Wire = []
    send = AIOKafkaConnection.send

    async def answered(request: Any, answer: Any) -> Any:
        response = await answer
        seen.append((request, response))
        return response

    def send_(self: Any, request: Any, expect_response: bool = True) -> Any:
        if not isinstance(request, FetchRequest):
            return send(self, request, expect_response)
        prepared = request.prepare(self._versions)
        monkeypatch.setattr(request, "prepare", lambda versions: prepared, raising=False)
        return answered(prepared, send(self, request, expect_response))

    monkeypatch.setattr(AIOKafkaConnection, "send", send_)
    return seen


@pytest.fixture
async def producer(kafka_server: Kafka, namespace: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, once there are topics."""
    await create_topics(kafka_server.bootstrap_servers, namespace, PARTITIONS, 1)
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers) as producer:
        yield producer


@pytest.fixture
def topic(namespace: str) -> str:
    """A topic of PARTITIONS partitions."""
    return topics.topic_name(namespace, topics.BATCHES)


def consumer_of(kafka: Kafka) -> AIOKafkaConsumer:
    """From the earliest record on."""
    return AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    )


async def read(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[Any, Any]]:
    """So many records, in the order in which they come."""
    found: list[ConsumerRecord[Any, Any]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    return found


def named(request: Any) -> int:
    """How many partitions a message names."""
    return sum(len(partitions) for _, partitions in request.topics)


def brings_records(response: Any) -> bool:
    """Whether an answer has any."""
    return any(partition[-1] for _, partitions in response.topics for partition in partitions)


async def _idle_then_one(kafka: Kafka, producer: AIOKafkaProducer, topic: str, wire: Wire) -> tuple[int, int]:
    """Partitions named by the last request before a record comes, and by the answer that brings it."""
    async with consumer_of(kafka) as consumer:
        consumer.assign([TopicPartition(topic, one) for one in range(PARTITIONS)])
        for one in range(PARTITIONS):
            await producer.send_and_wait(topic, b"first", partition=one)
        await read(consumer, PARTITIONS)
        wire.clear()
        while len(wire) < 3:
            await consumer.getmany(timeout_ms=100)
        await producer.send_and_wait(topic, b"second", partition=5)
        (record,) = await read(consumer, 1)
        assert (record.partition, record.offset, record.value) == (5, 1, b"second")
        request, response = next(
            (one, two) for one, two in wire if any(part[-1] for _, p in two.topics for part in p)
        )
        return named(request), named(response)


async def test_f19_aiokafkas_own_fetch_names_every_partition(
    kafka_server: Kafka, producer: AIOKafkaProducer, topic: str, wire: Wire
) -> None:
    """In the request and in the answer."""
    with faust_with():
        assert await _idle_then_one(kafka_server, producer, topic, wire) == (PARTITIONS, PARTITIONS)


async def test_f19_a_fetch_names_what_has_changed(
    kafka_server: Kafka, producer: AIOKafkaProducer, topic: str, wire: Wire
) -> None:
    """Nothing has, on the side of the consumer; one record has come, on that of the broker."""
    with faust_with(f19_fetch_what_has_changed):
        assert await _idle_then_one(kafka_server, producer, topic, wire) == (0, 1)


async def test_f19_whatever_moves_every_record_comes_once_and_in_order(
    kafka_server: Kafka, producer: AIOKafkaProducer, topic: str, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions are paused and resumed, sought back and taken away, and the broker forgets the session."""
    partitions = [TopicPartition(topic, one) for one in range(PARTITIONS)]
    continued_by = FetchSession.continued_by

    def as_another(session: FetchSession, response: Any) -> bool:
        continued = continued_by(session, response)
        session.identity += 1  # another consumer's, or one that the broker has closed
        return continued

    async def write(value: bytes) -> None:
        for one in partitions:
            await producer.send_and_wait(topic, value, partition=one.partition)

    with faust_with(f19_fetch_what_has_changed):
        async with consumer_of(kafka_server) as consumer:
            consumer.assign(partitions)
            await write(b"0")
            found = await read(consumer, PARTITIONS)

            consumer.pause(*partitions[:3])
            await write(b"1")
            while_paused = await read(consumer, PARTITIONS - 3)
            assert {record.partition for record in while_paused} == set(range(3, PARTITIONS))
            consumer.resume(*partitions[:3])
            found += while_paused + await read(consumer, 3)

            consumer.seek(partitions[7], 1)
            (again,) = await read(consumer, 1)
            assert (again.partition, again.offset) == (7, 1)

            with monkeypatch.context() as forgetful:
                forgetful.setattr(FetchSession, "continued_by", as_another)
                await write(b"2")
            found += await read(consumer, PARTITIONS)
            assert any(response.error_code == NO_SESSION for _, response in wire)

            consumer.assign(partitions[4:])
            for partition in partitions[4:]:
                consumer.seek(partition, 3)  # an assignment begins without positions
            await write(b"3")
            found += await read(consumer, PARTITIONS - 4)

        by_partition: dict[int, list[bytes]] = {}
        for record in found:
            by_partition.setdefault(record.partition, []).append(record.value)
        assert by_partition == {one: [b"0", b"1", b"2", *([b"3"] if one >= 4 else [])] for one in range(PARTITIONS)}


def full(*wanted: tuple[str, int, int]) -> FetchRequest:
    """A request as aiokafka makes it, for topic, partition and offset."""
    return FetchRequest(500, 1, 50, 0, [(topic, [(partition, offset, 4)]) for topic, partition, offset in wanted])


class Answer:
    """Of a broker."""

    def __init__(self, session_id: int, error_code: int = 0) -> None:
        self.session_id, self.error_code = session_id, error_code


def test_a_session_begins_with_everything_and_goes_on_with_what_is_new() -> None:
    """The first request asks for a session; then an offset that has moved, a partition more, and one less."""
    session = FetchSession()
    first = session.request(full(("a", 0, 5), ("b", 1, 7))).build(FetchRequest_v11)
    assert (first.session_id, first.session_epoch) == (0, 0)
    assert first.topics == [("a", [(0, -1, 5, -1, 4)]), ("b", [(1, -1, 7, -1, 4)])]

    assert session.continued_by(Answer(99))
    second = session.request(full(("a", 0, 6), ("c", 2, 0))).build(FetchRequest_v11)

    assert (second.session_id, second.session_epoch) == (99, 1)
    assert second.topics == [("a", [(0, -1, 6, -1, 4)]), ("c", [(2, -1, 0, -1, 4)])]
    assert second.forgotten_topics_data == [("b", [1])]


@pytest.mark.parametrize("answer", [Answer(0), Answer(99, NO_SESSION)], ids=["no room for one", "forgotten"])
def test_a_session_that_the_broker_does_not_keep_ends(answer: Answer) -> None:
    """The next request is then the first of another one."""
    session = FetchSession()
    session.request(full(("a", 0, 5)))

    assert not session.continued_by(answer)


def test_a_broker_without_sessions_is_asked_for_everything() -> None:
    """By the versions of the request that know none."""
    session = FetchSession()
    session.request(full(("a", 0, 5)))

    assert session.request(full(("a", 0, 5))).build(FetchRequest_v4).topics == [("a", [(0, 5, 4)])]
