"""A producer a step: one broker connection carries one request at a time, and steps must not wait in line.

aiokafka sends the next request to a broker only when the one before is acknowledged. Through Faust's one
producer the allocation of a batch would wait for the changelog records and progress of all others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from pipeline.dead_letters import Headers
from pipeline.errors import Unavailable
from schemas.topics import MEBIBYTE

Acknowledged = Callable[["ConsumerRecord[bytes, bytes]"], None]

CREATE_TIME = 0  # of a record: its producer's; of some topics it is the broker's


class StepProducer:
    """Started at its first message. Its retries neither reorder nor duplicate.

    acknowledged: told of each record that the broker has, as a consumer would read it.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        client_id: str,
        security: Mapping[str, Any],
        acknowledged: Acknowledged | None = None,
    ) -> None:
        self._bootstrap_servers, self._client_id, self._security = bootstrap_servers, client_id, security
        self._acknowledged = acknowledged
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int, headers: Headers = ()
    ) -> Awaitable[Any]:
        """Queue a message, after those before it; await what is returned for its acknowledgement."""
        producer = self._producer or await self._started()
        if key is None and value is None:
            key = b""  # aiokafka sends nothing without both, and the dead letter of such a record must get through
        timestamp = round(time.time() * 1000)
        sent: asyncio.Future[Any] = await producer.send(
            topic, value=value, key=key, partition=partition, timestamp_ms=timestamp, headers=list(headers)
        )
        if self._acknowledged is not None:
            sent.add_done_callback(partial(self._tell, self._acknowledged, key, value, timestamp, headers))
        return sent

    async def check(self) -> None:
        """Return when a broker answers.  Raises Unavailable."""
        try:
            producer = self._producer or await self._started()
        except KafkaError as error:
            raise Unavailable(f"answer of Kafka ({error})", 0) from None
        if not await producer.client.force_metadata_update():
            raise Unavailable("answer of Kafka", 0)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap_servers,
                    client_id=self._client_id,
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=16 * MEBIBYTE,
                    **self._security,
                )
                await producer.start()
                self._producer = producer
            return self._producer

    async def stop(self) -> None:
        """Send what is queued, and close."""
        if self._producer is not None:
            await self._producer.stop()

    @staticmethod
    def _tell(
        acknowledged: Acknowledged,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
        sent: "asyncio.Future[Any]",
    ) -> None:
        if sent.cancelled() or sent.exception():
            return
        written = sent.result()
        sizes = (-1 if part is None else len(part) for part in (key, value))
        acknowledged(
            ConsumerRecord(
                written.topic,
                written.partition,
                written.offset,
                # ours aiokafka does not say of each record of several in one request
                timestamp if written.timestamp_type == CREATE_TIME else written.timestamp,
                written.timestamp_type,
                key,
                value,
                None,  # the checksum, which no record of today's format has
                *sizes,
                headers,
            )
        )
