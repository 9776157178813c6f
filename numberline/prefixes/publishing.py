"""Versions of the prefix data on Kafka: one record an area code, then `current`, by which workers take them up."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from numberline.kafka import broker_reached
from numberline.prefixes.versions import Version
from pipeline.kafka_security import security_options
from pipeline.prefix_build import PrefixRow, prefix_events
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import PrefixCurrent
from schemas.identity import prefix_key
from schemas.partitions import partition_for


@dataclass(frozen=True)
class Publisher:
    """The topic `prefixes` of an installation.  Every method raises NotReachable."""

    settings: Settings
    partitions: int

    @property
    def _topic(self) -> str:
        return topics.topic_name(self.settings.namespace, topics.PREFIXES)

    async def publish(
        self,
        version: Version,
        data: Mapping[str, list[PrefixRow]],
        withdrawn: Iterable[str],
        advance: Callable[[int], None],
    ) -> None:
        """Every area code's record.

        withdrawn: area codes that earlier versions had; an empty record tells a worker that waits for them that
        an old version is gone. advance: told of each record that is acknowledged.
        """
        rows = {**data, **{area_code: [] for area_code in withdrawn}}
        async with self._producer() as producer:
            sent = [
                await producer.send(
                    self._topic,
                    codec.encode(event),
                    prefix_key(event.area_code, event.version),
                    partition=partition_for(event.area_code, self.partitions),
                )
                for event in prefix_events(rows, version.version, version.first_prefix_id)
            ]
            for acknowledged in sent:
                await acknowledged
                advance(1)

    async def make_current(self, version: Version) -> None:
        """Let new requests be planned by a version all of whose records are there."""
        event = PrefixCurrent(
            version.version, version.source, version.rows, tuple(version.area_codes), int(time.time() * 1000)
        )
        async with self._producer() as producer:
            await producer.send_and_wait(self._topic, codec.encode(event), b"current", partition=0)

    async def delete(self, version: Version, area_codes: Iterable[str]) -> None:
        """Tombstones for the records of a version."""
        async with self._producer() as producer:
            sent = [
                await producer.send(
                    self._topic,
                    None,
                    prefix_key(area_code, version.version),
                    partition=partition_for(area_code, self.partitions),
                )
                for area_code in area_codes
            ]
            for acknowledged in sent:
                await acknowledged

    async def has_records(self) -> bool:
        """Whether anything was ever published."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, **security_options(self.settings)
        )
        async with self._reachable(consumer):
            ends = await consumer.end_offsets([TopicPartition(self._topic, i) for i in range(self.partitions)])
        return any(ends.values())

    @contextlib.asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers,
            **security_options(self.settings),
            acks="all",
            enable_idempotence=True,
            max_request_size=topics.PREFIXES.max_message_bytes,
        )
        async with self._reachable(producer):
            yield producer

    @contextlib.asynccontextmanager
    async def _reachable(self, client: AIOKafkaProducer | AIOKafkaConsumer) -> AsyncIterator[None]:
        try:
            with broker_reached(self.settings):
                await client.start()
                yield
        finally:
            await client.stop()
