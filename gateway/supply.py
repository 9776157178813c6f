"""The topics prefixes and usage -> capacity: read whole, without a group, for POST /api/capacity/."""

import asyncio
import contextlib
import logging

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.consumer import stop
from pipeline.capacity import Capacity
from pipeline.catalogue_log import CatalogueLog
from pipeline.kafka_security import security_options
from pipeline.settings import Settings
from schemas import codec, topics

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


class Supply:
    """Reads for ever. capacity: of the current prefix data; None until all that the topics hold is read."""

    def __init__(self, settings: Settings) -> None:
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._security = security_options(settings)
        self._topics = [topics.topic_name(settings.namespace, topic) for topic in (topics.PREFIXES, topics.USAGE)]
        self.capacity: Capacity | None = None
        self.imported_at = 0  # of its prefix data, ms since the epoch
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Never returns: while Kafka is away, what was read goes on being answered by."""
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers,
                **self._security,
                client_id="numberline-gateway-supply",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_max_wait_ms=250,
            )
            try:
                await self._read(consumer)
            except KafkaError as error:
                log.info("capacity waits for Kafka: %s", error)
            finally:
                await stop(consumer)
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        await consumer.start()
        if not set(self._topics) <= await consumer.topics():  # asked for by name, they could be created
            return
        for topic in self._topics:
            await consumer.beginning_offsets([TopicPartition(topic, 0)])  # brings the topic's metadata
        partitions = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        behind = await consumer.end_offsets(partitions)
        found = CatalogueLog()
        while True:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=100)).values():
                for record in records:
                    if record.value is not None:
                        with contextlib.suppress(codec.CodecError):  # the workers say so
                            found.take(record.value)
            for partition, end in list(behind.items()):
                if await consumer.position(partition) >= end:
                    del behind[partition]
            if not behind:
                found.advance()
                self.capacity, self.imported_at = found.capacity, found.imported_at
                if self.capacity is not None:
                    self.ready.set()
            await asyncio.sleep(0)
