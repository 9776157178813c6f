"""prefixes -> the catalogue: each worker reads the whole topic, without a group, for what intake must know."""

import asyncio
import logging
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.catalogue import Catalogue
from pipeline.metrics import WorkerMetrics
from pipeline.prefixes import AreaCode
from schemas import codec, events, topics

log = logging.getLogger(__name__)


class CatalogueReader:
    """Keeps the catalogue of the current version; an older one is dropped when a newer one is whole."""

    def __init__(self, bootstrap_servers: str, namespace: str, partitions: int, metrics: WorkerMetrics) -> None:
        self._bootstrap_servers, self._metrics = bootstrap_servers, metrics
        topic = topics.topic_name(namespace, topics.PREFIXES)
        self._partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._blocks: dict[tuple[int, str], events.PrefixBlocks] = {}
        self._announced: events.PrefixCurrent | None = None
        self._catalogue: Catalogue | None = None
        self._loaded = asyncio.Event()

    async def current(self) -> Catalogue:
        """The catalogue that new requests are planned by; waits for the first."""
        if self._catalogue is None:
            await self._loaded.wait()
        assert self._catalogue is not None
        return self._catalogue

    async def run(self) -> None:
        """Read for ever. An error of the broker ends it, and with it the worker."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=250
        )
        await consumer.start()
        try:
            consumer.assign(self._partitions)
            await consumer.seek_to_beginning()
            while True:
                batches = await consumer.getmany(timeout_ms=1000)
                for records in batches.values():
                    self._take(record.value for record in records if record.value is not None)
                if batches:
                    self._advance()
        finally:
            await consumer.stop()

    def _take(self, values: Iterable[bytes]) -> None:
        for value in values:
            try:
                event = codec.decode(value)
            except codec.CodecError as error:
                log.error("the prefix topic holds a record that cannot be read: %s", error)
                continue
            if isinstance(event, events.PrefixBlocks):
                self._blocks[event.version, event.area_code] = event
            elif isinstance(event, events.PrefixCurrent):
                self._announced = event

    def _advance(self) -> None:
        """Make the announced version the current one, once all its area codes are here."""
        announced = self._announced
        if announced is None or (self._catalogue and self._catalogue.version == announced.version):
            return
        keys = [(announced.version, area_code) for area_code in announced.area_codes]
        if any(key not in self._blocks for key in keys):
            return
        self._catalogue = Catalogue(announced.version, [AreaCode(self._blocks[key]) for key in keys])
        self._blocks = {k: blocks for k, blocks in self._blocks.items() if k[0] > announced.version}
        self._metrics.prefix_version.set(announced.version)
        self._loaded.set()
        log.info("requests are planned by version %d of the prefix data", announced.version)
