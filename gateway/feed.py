"""The progress topic -> the hub: every partition from its beginning, without a group."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from gateway.consumer import FETCH_WAIT_MS, KAFKA_AWAY_RETRY_MS, stop
from gateway.hub import Hub
from gateway.positions import Position
from pipeline import log_context
from pipeline.errors import NeedsPerson, NumberlineError, Unavailable, Unreadable
from pipeline.kafka_security import security_options
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings
from pipeline.tracing import OFF, Span, Tracing
from schemas import codec, topics
from schemas.events import RequestRejected, TaskProgress

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
POLL_SECONDS = 0.05
RECORDS_A_TURN = 32  # then the connections get theirs


@dataclass
class FeedBroken(NumberlineError):
    """The topic cannot be read on without leaving records out: the process ends with 1 and is restarted."""

    topic: str
    reason: str

    def __str__(self) -> str:
        return f"the topic {self.topic} cannot be read on without a gap: {self.reason}"


class _TopicMissing(Exception):
    pass


class Feed:
    """Reads for ever. waiting_for: why clients cannot be served yet; None once it has caught up."""

    def __init__(self, settings: Settings, hub: Hub, metrics: GatewayMetrics, tracing: Tracing = OFF) -> None:
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._security = security_options(settings)
        self._topic = topics.topic_name(settings.namespace, topics.PROGRESS)
        self._hub, self._metrics, self._tracing = hub, metrics, tracing
        self._consumer: AIOKafkaConsumer | None = None
        self.waiting_for: str | None = "Kafka has not answered yet"

    async def run(self) -> None:
        """Never returns.  Raises FeedBroken."""
        consumer, ends = await self._connect()
        self._consumer = consumer
        try:
            await self._read(consumer, ends)
        except OffsetOutOfRangeError as error:
            raise FeedBroken(self._topic, f"positions {error.args[0]} are out of range") from error
        except KafkaError as error:
            raise FeedBroken(self._topic, repr(error)) from error
        finally:
            self._consumer = None
            await stop(consumer)

    async def check(self) -> None:
        """Return once all is read that the topic holds now; at once while `waiting_for` says what is the matter.

        Raises Unavailable where Kafka says that it is away; it may also say nothing.
        """
        if (consumer := self._consumer) is None or self.waiting_for is not None:
            return
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
        except KafkaError as error:
            raise Unavailable("answer of Kafka", 0) from error
        while not await _has_reached(consumer, ends):  # noqa: ASYNC110  positions tell nobody when they move
            await asyncio.sleep(POLL_SECONDS)

    async def _connect(self) -> tuple[AIOKafkaConsumer, Mapping[TopicPartition, int]]:
        """A consumer at the beginning of every partition, and the partitions' ends; waits for Kafka."""
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers,
                **self._security,
                client_id="numberline-gateway",
                auto_offset_reset="none",  # never skip silently
                enable_auto_commit=False,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                retry_backoff_ms=KAFKA_AWAY_RETRY_MS,
            )
            try:
                return consumer, await self._begin(consumer)
            except _TopicMissing:
                await stop(consumer)
                self._wait(f"the topic {self._topic} is missing: run `numberline init`")
            except KafkaError as error:
                await stop(consumer)
                self._wait(f"Kafka at {self._bootstrap_servers} does not answer: {error}")
            except BaseException:
                await stop(consumer)
                raise
            await asyncio.sleep(RETRY_SECONDS)

    def _wait(self, reason: str) -> None:
        if reason != self.waiting_for:
            log.warning("%s; waiting", reason)
        self.waiting_for = reason

    async def _begin(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, int]:
        await consumer.start()
        if self._topic not in await consumer.topics():  # asked for by name, it could be created
            raise _TopicMissing
        await consumer.beginning_offsets([TopicPartition(self._topic, 0)])  # brings the topic's metadata
        if not (numbers := consumer.partitions_for_topic(self._topic)):
            raise _TopicMissing
        partitions = [TopicPartition(self._topic, number) for number in sorted(numbers)]
        consumer.assign(partitions)
        starts = await consumer.beginning_offsets(partitions)
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        self._hub.history.begin({partition.partition: offset for partition, offset in starts.items()})
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        self.waiting_for = f"still reading the topic {self._topic}"
        return ends

    async def _read(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        taken = 0
        while True:
            if self.waiting_for is not None and await _has_reached(consumer, ends):
                self.waiting_for = None
                log.info("read %s: %d tasks are active", self._topic, self._hub.tasks.active_count)
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    # what the topic held at the start was told before, and leaves no span
                    tracing = self._tracing if record.offset >= ends[partition] else OFF
                    with log_context.at_work("tell", record) as work, tracing.processing(work) as span:
                        outcome = self._take(record, span)
                    self._metrics.progress_records.labels(outcome).inc()
                    taken += 1
                    if taken % RECORDS_A_TURN == 0:
                        await asyncio.sleep(0)
            self._metrics.active_tasks.set(self._hub.tasks.active_count)

    def _take(self, record: ConsumerRecord, span: Span) -> str:
        """Publish a record; one that cannot be read says so in the log and is left out."""
        position = Position.of(record.partition, record.offset, record.value)
        try:
            event = codec.decode(record.value or b"")
            if not isinstance(event, TaskProgress | RequestRejected):
                raise Unreadable(f"a {type(event).__name__} belongs elsewhere")
            log_context.know_task(event.task_id)
            outcome = self._hub.publish(event, record.timestamp, position)
        except (NeedsPerson, Unavailable):  # of a newer release; nobody knows yet what it says
            raise
        except Exception as error:  # a property of this one record: the next must not suffer
            span.failed(error)
            place = f"{self._topic} partition {record.partition} offset {record.offset}"
            if isinstance(error, codec.CodecError | Unreadable):
                log.error("%s cannot be read: %s", place, error)
            else:
                log.error("%s cannot be told: %r", place, error)
            self._hub.skip(position)
            return "unreadable"
        if self.waiting_for is None:
            self._metrics.fan_out_seconds.observe(max(0.0, time.time() - record.timestamp / 1000))
        return outcome


async def _has_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True
