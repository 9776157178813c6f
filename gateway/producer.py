"""Requests onto Kafka, as any other producer sends them: acknowledged by every copy, or not sent."""

import asyncio
import contextlib
import json
import logging
import time

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.errors import Unavailable
from pipeline.settings import Settings
from pipeline.tokens import TokenRules, sign
from schemas import topics
from schemas.requests import Request

log = logging.getLogger(__name__)

ACKNOWLEDGE_SECONDS = 10.0
STOP_SECONDS = 0.5


class RequestProducer:
    """One producer for all users' requests. It connects at its first use: a gateway starts without Kafka."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topics.topic_name(settings.namespace, topics.REQUESTS)
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, request: Request) -> None:
        """Return when the broker has acknowledged the request.  Raises Unavailable.

        Where the installation asks for signed requests the gateway signs it: it has checked whose it is.
        """
        body = json.dumps(request.model_dump(mode="json", exclude_defaults=True) | {"type": request.type}).encode()
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                producer = await self._started()
                await producer.send_and_wait(
                    self._topic, body, request.user_id.encode(), headers=self._headers(request, body)
                )
        except (KafkaError, TimeoutError) as error:
            log.warning("a request was not acknowledged: %r", error)
            raise Unavailable("acknowledgement of Kafka", ACKNOWLEDGE_SECONDS) from error

    def _headers(self, request: Request, body: bytes) -> list[tuple[str, bytes]]:
        if self._settings.auth_requests == "off":
            return []
        token = sign(TokenRules.of(self._settings), request.user_id, time.time(), body=body)
        return [("authorization", f"Bearer {token}".encode())]

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._settings.kafka_bootstrap_servers,
                    client_id="numberline-gateway",
                    acks="all",
                    enable_idempotence=True,
                    request_timeout_ms=int(ACKNOWLEDGE_SECONDS * 1000),
                )
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Let go of Kafka."""
        if self._producer is not None:
            await _stop(self._producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
