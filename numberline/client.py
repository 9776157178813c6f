"""Submits requests on Kafka and follows tasks on the gateway's WebSocket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from numberline.errors import UP, NotReachable
from numberline.kafka import kafka_producer
from pipeline.errors import SettingsInvalid
from pipeline.settings import Settings, in_url, variable
from pipeline.tokens import TokenRules, sign
from pipeline.tracing import OFF, Tracing
from schemas import topics
from schemas.requests import Request, encode_request

SILENCE_SECONDS = 3.0
NOT_AUTHENTICATED = 4401  # close code
ENDINGS = ("task_completed", "task_failed", "task_cancelled")


class Client:
    """One user's connection: requests go out on Kafka, answers come in on the WebSocket, in order."""

    def __init__(
        self,
        settings: Settings,
        user_id: str,
        producer: AIOKafkaProducer,
        socket: ClientConnection,
        tracing: Tracing,
    ) -> None:
        self._settings, self._user_id, self._producer, self._socket = settings, user_id, producer, socket
        self._tracing = tracing

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: Settings, user_id: str, tracing: Tracing = OFF) -> AsyncIterator[Self]:
        """A client that hears of every task submitted from now on.  Raises NotReachable."""
        async with kafka_producer(settings) as producer, _gateway(settings, user_id) as socket:
            yield cls(settings, user_id, producer, socket, tracing)

    async def submit(self, request: Request) -> None:
        """Send a request; returns when the broker has acknowledged it."""
        await submit(self._settings, self._producer, request, self._tracing)

    async def resume(self, position: str) -> None:
        """Ask for all that came after a position that a message had."""
        await self._socket.send(json.dumps({"type": "resume", "position": position}))

    async def next_message(self) -> dict[str, Any] | None:
        """What the gateway says next, None when it is silent for a while.  Raises NotReachable."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = json.loads(await self._socket.recv())
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            remedy = "The task goes on without being watched: `numberline tasks` shows it."
            raise NotReachable("the gateway", f"it closed the connection ({closed})", remedy) from None
        assert isinstance(message, dict)
        return message

    async def of_task(self, task_id: str, request_id: str) -> AsyncIterator[dict[str, Any] | None]:
        """The messages about one task or request up to an ending or an error; None for each silence."""
        while True:
            message = await self.next_message()
            if message is None:
                yield None
            elif message.get("task_id") == task_id or message.get("request_id") == request_id:
                yield message
                if message["type"] in ENDINGS or message["type"] == "error":
                    return

    async def ending(self, task_id: str, request_id: str) -> dict[str, Any]:
        """The message that ends a task, or the error that answers a request."""
        async for message in self.of_task(task_id, request_id):
            if message is not None and (message["type"] in ENDINGS or message["type"] == "error"):
                return message
        raise AssertionError("the messages of a task end with its ending")


def signing_rules(settings: Settings) -> TokenRules:
    """What to sign tokens by.  Raises SettingsInvalid where there is no secret to sign by."""
    if settings.auth_secret is None:
        raise SettingsInvalid(
            {variable("auth_secret"): "must be set, to the gateway's secret: `source .numberline/env` sets it"}
        )
    return TokenRules.of(settings)


def gateway_url(settings: Settings, user_id: str) -> str:
    """Where a user's tasks are heard of."""
    return f"ws://{in_url(settings.host)}:{settings.gateway_port}/ws/tasks/{user_id}/"


async def submit(settings: Settings, producer: AIOKafkaProducer, request: Request, tracing: Tracing = OFF) -> None:
    """Send a request, authorized where the installation asks for that; returns when it is acknowledged."""
    body = encode_request(request)
    headers = list(tracing.headers())
    if settings.auth_requests == "required":
        token = sign(signing_rules(settings), request.user_id, time.time(), body=body)
        headers.append(("authorization", f"Bearer {token}".encode()))
    name = topics.topic_name(settings.namespace, topics.REQUESTS)
    await producer.send_and_wait(name, body, request.user_id.encode(), headers=headers)


@asynccontextmanager
async def _gateway(settings: Settings, user_id: str) -> AsyncIterator[ClientConnection]:
    token = sign(signing_rules(settings), user_id, time.time(), lifetime_seconds=24 * 3600)
    url = gateway_url(settings, user_id)
    try:
        socket = await connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)
        first = json.loads(await socket.recv())
    except ConnectionClosed as closed:
        raise _sent_away(url, closed) from None
    except (OSError, InvalidHandshake, TimeoutError) as error:
        remedy = UP.format(variable("gateway_port"))
        raise NotReachable(f"the gateway {url}", str(error), remedy) from None
    if first["type"] != "connection_established":
        raise NotReachable(f"the gateway {url}", f"it answered {first}", "Look at its log.")
    try:
        yield socket
    finally:
        await socket.close()


def _sent_away(url: str, closed: ConnectionClosed) -> NotReachable:
    """A gateway that answers, and takes nobody in."""
    code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "without a word")
    remedy = "It is there: try again in a moment, or look at its log."
    if code == NOT_AUTHENTICATED:
        remedy = f"{variable('auth_secret')} must be the gateway's own: `source .numberline/env` sets it."
    return NotReachable(f"the gateway {url}", f"it closes with {code}: {reason}", remedy)
