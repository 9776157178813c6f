"""A producer a step: one broker connection carries one request at a time, and steps must not wait in line.

aiokafka sends the next request to a broker only when the one before is acknowledged. Through Faust's one
producer the allocation of a batch would wait for the changelog records and progress of all others.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.errors import Unavailable
from schemas.topics import MEBIBYTE


class StepProducer:
    """Started at its first message. Its retries neither reorder nor duplicate."""

    def __init__(self, bootstrap_servers: str, client_id: str, security: Mapping[str, Any]) -> None:
        self._bootstrap_servers, self._client_id, self._security = bootstrap_servers, client_id, security
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int,
        timestamp: None,
        headers: list[tuple[str, bytes | None]],
    ) -> Awaitable[Any]:
        """Queue a message, after those before it; await what is returned for its acknowledgement."""
        producer = self._producer or await self._started()
        if key is None and value is None:
            key = b""  # aiokafka sends nothing without both, and the dead letter of such a record must get through
        acknowledged: Awaitable[Any] = await producer.send(
            topic, value=value, key=key, partition=partition, timestamp_ms=timestamp, headers=headers
        )
        return acknowledged

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
