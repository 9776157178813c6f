"""A header whose name is no UTF-8 (F13), on a real broker."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer import fetcher

from agents.faust_workarounds.header_names import f13_read_every_header
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.hostile_headers import send_with_header

Read = list[tuple[bytes | None, tuple[tuple[str, bytes], ...]]]
# taken while pytest collects, before anything can have patched them
RECORDS, NEXT = fetcher.MemoryRecords, fetcher.PartitionRecords.__next__


@pytest.fixture
async def topic(kafka_server: Kafka, namespace: str) -> str:
    """A topic of three records, of which the second has such a header."""
    servers, name = kafka_server.bootstrap_servers, topics.topic_name(namespace, topics.REQUESTS)
    await create_topics(servers, namespace, 1, 1)
    async with AIOKafkaProducer(bootstrap_servers=servers, compression_type="gzip") as producer:
        await producer.send_and_wait(name, b"before", headers=[("good", b"1")])
        await send_with_header(servers, name, b"second", b"t\xc3\x28k")
        await producer.send_and_wait(name, b"after")
    return name


async def read(servers: str, topic: str) -> Read:
    """The values and headers of its three records."""
    found: Read = []
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        async with asyncio.timeout(30):
            while len(found) < 3:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    found += [(record.value, record.headers) for record in records]
    return found


def with_(monkeypatch: pytest.MonkeyPatch, patch: Callable[[], None] = lambda: None) -> None:
    """aiokafka's own code with this patch alone, until the test ends."""
    monkeypatch.setattr(fetcher, "MemoryRecords", RECORDS)
    monkeypatch.setattr(fetcher.PartitionRecords, "__next__", NEXT)
    patch()


async def test_f13_aiokafkas_own_code_never_comes_past_it(
    kafka_server: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the record before it, of the same fetch, is delivered."""
    with_(monkeypatch)
    with pytest.raises(UnicodeDecodeError):
        await read(kafka_server.bootstrap_servers, topic)


async def test_f13_every_record_is_delivered_once(
    kafka_server: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no UTF-8 in the name is written as a backslash and its digits."""
    with_(monkeypatch, f13_read_every_header)
    assert await read(kafka_server.bootstrap_servers, topic) == [
        (b"before", (("good", b"1"),)),
        (b"second", (("t\\xc3(k", b""),)),
        (b"after", ()),
    ]
