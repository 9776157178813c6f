"""The floor of latency: one message produced, acknowledged and consumed on the same broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from numberline.kafka import kafka_producer
from pipeline.settings import Settings

TOPIC = "bench.round-trip"  # one partition
FETCH_WAIT_MS = 20  # how soon an idle fetch is asked for again; a message is answered at once
MESSAGE = b"x" * 150  # as long as a request


class RoundTrip:
    """A producer as the client's, and a consumer that waits for the next message already."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._producer, self._consumer = producer, consumer

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator["RoundTrip"]:
        """On a topic of its own.  Raises NotReachable, KafkaError."""
        await _create_topic(settings.kafka_bootstrap_servers)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.kafka_bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        await consumer.start()
        try:
            partition = TopicPartition(TOPIC, 0)
            consumer.assign([partition])
            await consumer.seek_to_end(partition)
            async with kafka_producer(settings) as producer:
                yield cls(producer, consumer)
        finally:
            await consumer.stop()

    async def seconds(self) -> float:
        """From before the message is produced until it is both acknowledged (acks=all) and consumed."""
        waiting = asyncio.ensure_future(self._consumer.getone())
        await asyncio.sleep(0)  # the consumer waits before anything is sent
        started = time.perf_counter()
        await self._producer.send_and_wait(TOPIC, MESSAGE, partition=0)
        await waiting
        return time.perf_counter() - started


async def _create_topic(bootstrap_servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    finally:
        await admin.close()
