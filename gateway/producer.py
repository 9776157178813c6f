"""What a gateway sends to Kafka: requests and audit records, acknowledged by every copy, or not sent."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline import log_context
from pipeline.errors import Unavailable
from pipeline.kafka_security import security_options
from pipeline.settings import Settings
from pipeline.tokens import TokenRules, sign
from pipeline.tracing import OFF, Tracing
from schemas import codec, topics
from schemas.events import Audited
from schemas.requests import Request, encode_request

log = logging.getLogger(__name__)

ACKNOWLEDGE_SECONDS = 10.0
STOP_SECONDS = 0.5


class GatewayProducer:
    """One producer for all that a gateway sends. It connects at its first use: a gateway starts without Kafka."""

    def __init__(self, settings: Settings, tracing: Tracing = OFF) -> None:
        self._settings, self._tracing = settings, tracing
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, request: Request, task: str) -> None:
        """Return when the broker has acknowledged the request about a task.  Raises Unavailable.

        Where the installation asks for signed requests the gateway signs it: it has checked whose it is.
        """
        body = encode_request(request)
        with log_context.at_work("submit", log_context.Unsent(self._name(topics.REQUESTS))):
            log_context.know_task(task)
            await self._send(topics.REQUESTS, body, request.user_id, self._headers(request, body))

    async def record(self, event: Audited) -> None:
        """Return when the broker has acknowledged an audit record.  Raises Unavailable."""
        await self._send(topics.AUDIT, codec.encode(event), event.actor)

    async def _send(
        self, topic: topics.Topic, value: bytes, key: str, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        name, headers = self._name(topic), [*headers, *self._tracing.headers()]
        try:
            async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
                producer = await self._started()
                await producer.send_and_wait(name, value, key.encode(), headers=headers)
        except (KafkaError, TimeoutError) as error:
            log.warning("a record of %s was not acknowledged: %r", name, error)
            raise Unavailable("acknowledgement of Kafka", ACKNOWLEDGE_SECONDS) from error

    def _name(self, topic: topics.Topic) -> str:
        return topics.topic_name(self._settings.namespace, topic)

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
                    **security_options(self._settings),
                    client_id="numberline-gateway",
                    acks="all",
                    enable_idempotence=True,
                    request_timeout_ms=int(ACKNOWLEDGE_SECONDS * 1000),
                    # a record is longer than its request, which may be as long as the library's own limit
                    max_request_size=topics.REQUESTS.max_message_bytes,
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
