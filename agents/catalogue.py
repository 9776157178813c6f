"""prefixes, usage -> catalogue and capacity: each worker reads both topics whole, without a group, for intake."""

import asyncio
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline import log_context
from pipeline.capacity import Capacity
from pipeline.catalogue_log import CatalogueLog
from pipeline.metrics import WorkerMetrics
from schemas import codec, topics

log = logging.getLogger(__name__)


class CatalogueReader:
    """Keeps the catalogue of the current version, and what of it is gone.

    The first one is made when all that the topics held at the start is read: a worker must not plan by a version
    that was superseded before it started.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        namespace: str,
        partitions: int,
        metrics: WorkerMetrics,
        security: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._bootstrap_servers, self._metrics, self._security = bootstrap_servers, metrics, security
        self._partitions = [
            TopicPartition(topics.topic_name(namespace, topic), partition)
            for topic in (topics.PREFIXES, topics.USAGE)
            for partition in range(partitions)
        ]
        self._log = CatalogueLog()
        self._caught_up, self._loaded = asyncio.Event(), asyncio.Event()

    async def caught_up(self) -> None:
        """Return when all is read that the topics held at the start, however long that takes."""
        await self._caught_up.wait()

    async def current(self) -> Capacity:
        """What new requests are planned by; waits for the first."""
        await self._loaded.wait()
        assert self._log.capacity is not None
        return self._log.capacity

    async def run(self) -> None:
        """Read for ever. An error of the broker ends it, and with it the worker."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=250,
            **self._security,
        )
        await consumer.start()
        try:
            consumer.assign(self._partitions)
            await consumer.seek_to_beginning()
            behind = await consumer.end_offsets(self._partitions)
            while True:
                batches = await consumer.getmany(timeout_ms=1000)
                for records in batches.values():
                    for record in records:
                        with log_context.at_work("catalogue", record):
                            self._take(record.value)
                for partition, end in list(behind.items()):
                    if await consumer.position(partition) >= end:
                        del behind[partition]
                if not behind:
                    self._advance()
                    self._caught_up.set()
        finally:
            await consumer.stop()

    def _take(self, value: bytes | None) -> None:
        if value is None:
            return
        try:
            self._log.take(value)
        except codec.CodecError as error:
            log.error("a record cannot be read, and is left out: %s", error)

    def _advance(self) -> None:
        advanced = self._log.advance()
        if self._log.capacity is None:
            return
        version = self._log.capacity.catalogue.version
        self._metrics.prefix_data(version, self._log.imported_at)
        if advanced:
            self._loaded.set()
            log.info("requests are planned by version %d of the prefix data", version)
