"""The progress topic, read back: what a user missed that is no longer in memory, piece by piece."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from gateway.consumer import FETCH_WAIT_MS, KAFKA_AWAY_RETRY_MS, stop
from gateway.history import History
from gateway.messages import Message, message_of
from gateway.positions import Position
from pipeline.kafka_security import security_options
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import RequestRejected, TaskProgress

log = logging.getLogger(__name__)

MOST_RECORDS_BACK = 500_000  # whoever is further behind begins anew with a snapshot
PIECE_RECORDS = 4_096  # records looked at for one client before the next one gets his turn
PIECE_MESSAGES = 64
RECORDS_A_TURN = 32  # then everything else gets the loop
FETCH_BYTES = 1 << 18  # what one answer of the broker brings is parsed in one go
ANSWER_SECONDS = 10.0


class Expired(Exception):
    """The position is not of this topic, or no longer in it, or too far back."""


class ArchiveAway(Exception):
    """Kafka does not answer: what was missed cannot be told now."""


@dataclass(frozen=True)
class Piece:
    """The user's messages among some records, and the offset of the last of these records."""

    messages: Sequence[Message]
    read_to: int


class Archive:
    """Reads for one client at a time, in turns, with one consumer for all of them."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._bootstrap_servers = settings.kafka_bootstrap_servers
        self._security = security_options(settings)
        self._topic = topics.topic_name(settings.namespace, topics.PROGRESS)
        self._history = history
        self._turn = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def check(self, position: Position) -> None:
        """Whether the topic still holds this very record.  Raises Expired, ArchiveAway.

        Where it is ahead of this gateway's own reading, its content is judged when that has come so far.
        """
        partition = TopicPartition(self._topic, position.partition)
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    consumer = await self._started()
                    begin = (await consumer.beginning_offsets([partition]))[partition]
                    end = (await consumer.end_offsets([partition]))[partition]
                    if not end - MOST_RECORDS_BACK <= position.offset < end or max(position.offset, 0) < begin:
                        raise Expired
                    if 0 <= position.offset <= self._history.last(position.partition).offset:
                        found = (await self._fetch(consumer, partition, position.offset))[0]
                        if Position.of(found.partition, found.offset, found.value) != position:
                            raise Expired
            except OffsetOutOfRangeError:
                raise Expired from None
            except (KafkaError, TimeoutError) as error:
                await self._lose(error)

    async def read(self, partition: int, offset: int, user_id: str) -> Piece:
        """The user's messages among the next records after an offset.  Raises Expired, ArchiveAway."""
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._read(TopicPartition(self._topic, partition), offset, user_id)
            except OffsetOutOfRangeError:
                raise Expired from None
            except (KafkaError, TimeoutError) as error:
                await self._lose(error)

    async def close(self) -> None:
        """Let go of Kafka."""
        if (consumer := self._consumer) is not None:
            self._consumer = None
            await stop(consumer)

    async def _read(self, partition: TopicPartition, offset: int, user_id: str) -> Piece:
        consumer = await self._started()
        key, messages, seen = user_id.encode(), list[Message](), 0
        until = self._history.last(partition.partition).offset
        while offset < until and seen < PIECE_RECORDS and len(messages) < PIECE_MESSAGES:
            for record in await self._fetch(consumer, partition, offset + 1, continued=seen > 0):
                if record.offset > until:
                    return Piece(messages, until)
                if len(messages) >= PIECE_MESSAGES:
                    break
                offset, seen = record.offset, seen + 1
                if record.key == key and not self._history.is_skipped(partition.partition, offset):
                    messages.append(_message(record))
                if seen % RECORDS_A_TURN == 0:
                    await asyncio.sleep(0)
        return Piece(messages, offset)

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers,
                **self._security,
                client_id="numberline-gateway-archive",
                auto_offset_reset="none",
                enable_auto_commit=False,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                retry_backoff_ms=KAFKA_AWAY_RETRY_MS,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            try:
                await consumer.start()
            except BaseException:
                await stop(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    @staticmethod
    async def _fetch(
        consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, continued: bool = False
    ) -> Sequence[ConsumerRecord]:
        """Records from an offset on, at least one: the caller knows that there is one."""
        if not continued:
            consumer.assign([partition])
            consumer.seek(partition, offset)
        while not (found := await consumer.getmany(timeout_ms=1000, max_records=PIECE_RECORDS)):
            pass
        (records,) = found.values()
        return list(records)

    async def _lose(self, error: Exception) -> NoReturn:
        log.warning("the topic %s cannot be read back: %r", self._topic, error)
        await self.close()
        raise ArchiveAway from error


def _message(record: ConsumerRecord) -> Message:
    event = codec.decode(record.value)
    assert isinstance(event, TaskProgress | RequestRejected)  # else it would have been skipped
    return message_of(event, Position.of(record.partition, record.offset, record.value))
