"""The groups' committed offsets -> the metrics of lag: of all workers, and so also of those that are gone."""

import asyncio
import logging
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from gateway.consumer import stop
from pipeline.kafka_security import security_options
from pipeline.lag import LagLog, Partition
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings
from schemas import topics

log = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
PROJECTED = (topics.PROGRESS, topics.AUDIT)
# read by the workers' group; the others have no group, or no reader that must keep up
STEPS = (
    *(topics.REQUESTS, topics.TASK_EVENTS, topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS),
    *(topics.VALIDATIONS, topics.LOOKUPS, topics.PREFIXES),
)


class GroupLag:
    """Looks for ever. While Kafka is away there are no figures, for the last ones would be wrong."""

    def __init__(self, settings: Settings, metrics: GatewayMetrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._groups = {
            settings.namespace: self._names(STEPS),
            f"{settings.namespace}-project": self._names(PROJECTED),
        }
        self._topics = self._names((*STEPS, *PROJECTED))
        self._log = LagLog()

    def _names(self, some: tuple[topics.Topic, ...]) -> dict[str, str]:
        """Full name -> name in the metrics."""
        return {topics.topic_name(self._settings.namespace, topic): topic.name for topic in some}

    async def run(self) -> None:
        """Never returns."""
        while True:
            options = {
                "bootstrap_servers": self._settings.kafka_bootstrap_servers,
                "client_id": "numberline-gateway-lag",
                **security_options(self._settings),
            }
            consumer, admin = AIOKafkaConsumer(**options), AIOKafkaAdminClient(**options)
            try:
                await consumer.start()
                await admin.start()
                while True:
                    await self._look(consumer, admin)
                    await asyncio.sleep(PAUSE_SECONDS)
            except KafkaError as error:
                log.info("lag waits for Kafka: %s", error)
                self._metrics.lag.clear()
                self._metrics.lag_seconds.clear()
            finally:
                await stop(consumer)
                await admin.close()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        if not set(self._topics) <= await consumer.topics():  # asked for by name, they could be created
            return
        await consumer.beginning_offsets([TopicPartition(name, 0) for name in self._topics])  # brings metadata
        partitions = [
            TopicPartition(name, number)
            for name in self._topics
            for number in consumer.partitions_for_topic(name) or ()
        ]
        # before the ends: what is committed meanwhile would look like less than nothing
        committed = {
            (partition.topic, partition.partition): found.offset
            for group, names in self._groups.items()
            for partition, found in (await admin.list_consumer_group_offsets(group)).items()
            if partition.topic in names and found.offset >= 0
        }
        starts = _plain(await consumer.beginning_offsets(partitions))
        ends = _plain(await consumer.end_offsets(partitions))
        # a group that has committed nothing will begin at the beginning, as will one whose place is gone
        places = {place: max(start, committed.get(place, 0)) for place, start in starts.items()}
        for name, lag in self._log.take(time.monotonic(), ends, places).items():
            self._metrics.lag.labels(self._topics[name]).set(lag.records)
            self._metrics.lag_seconds.labels(self._topics[name]).set(lag.seconds)


def _plain(offsets: Mapping[TopicPartition, int]) -> dict[Partition, int]:
    return {(partition.topic, partition.partition): offset for partition, offset in offsets.items()}
