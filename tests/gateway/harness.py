"""A gateway in this process, without Kafka: tests publish to its hub; and a client that speaks JSON."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.archive import Archive
from gateway.audit import Audit
from gateway.authenticator import Authenticator
from gateway.hub import Hub
from gateway.origins import Origins
from gateway.positions import Position
from gateway.server import GatewayServer
from pipeline.errors import Unavailable
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings
from schemas.events import Audited, RequestRejected, TaskProgress
from tests.gateway.events import RULES, token
from tests.samples import CREATED

PATIENCE_SECONDS = 20.0
NOWHERE = Settings(kafka_bootstrap_servers="127.0.0.1:1")


def position(offset: int) -> Position:
    """The position of what is published as the offset-th, from 0 on."""
    return Position.of(0, offset, b"%d" % offset)


@dataclass
class Gateway:
    """A gateway's port and its hub. not_ready: what the feed would say. audited: what it has put on record."""

    port: int = 0
    hub: Hub = field(default_factory=Hub)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    not_ready: str | None = None
    published: int = 0
    audited: list[Audited] = field(default_factory=list)
    audit_away: bool = False

    def __post_init__(self) -> None:
        self.hub.history.begin({0: 0})

    async def record(self, event: Audited) -> None:
        """What the producer does with an audit record."""
        if self.audit_away:
            raise Unavailable("acknowledgement of Kafka", 10)
        self.audited.append(event)

    def publish(self, *events: TaskProgress | RequestRejected) -> None:
        """Records of one partition, in order."""
        for event in events:
            self.hub.publish(event, CREATED, position(self.published))
            self.published += 1

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of a sample."""
        return self.registry.get_sample_value(name, labels)

    async def counts(self, value: float, name: str, **labels: str) -> None:
        """Return once a sample has this value: what a connection's end counts comes after its close."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.metric(name, **labels) != value:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running_gateway(archive: Settings = NOWHERE, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway on a free port. archive: where it reads back what it does not remember."""
    gateway = Gateway()
    reading_back = Archive(archive, gateway.hub.history)
    made = Settings(**{"gateway_port": 0, **settings})
    server = GatewayServer(
        made,
        gateway.hub,
        reading_back,
        GatewayMetrics(gateway.registry),
        Authenticator(RULES),
        Origins(made),
        Audit(gateway.record),
        not_ready=lambda: gateway.not_ready,
    )
    async with server.listening() as gateway.port:
        yield gateway
    await reading_back.close()


class Client:
    """A user's program."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        """Send a JSON message."""
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame = await self.socket.recv()
        assert isinstance(frame, str)
        message = json.loads(frame)
        assert isinstance(message, dict)
        return message

    async def receive_until(self, type_: str) -> list[dict[str, Any]]:
        """All messages up to the first of a type."""
        messages = [await self.receive()]
        while messages[-1]["type"] != type_:
            messages.append(await self.receive())
        return messages

    async def before_pong(self) -> list[dict[str, Any]]:
        """All that the gateway had for this client: what comes before the answer to a ping."""
        await self.send(type="ping")
        return (await self.receive_until("pong"))[:-1]

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason, once the gateway has closed; messages before are skipped."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.receive()
        return self.socket.close_code, self.socket.close_reason


@contextlib.asynccontextmanager
async def opened(
    port: int, path: str = "/ws/tasks/ann/", header: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A connection that has proved nothing yet, or what its header proves."""
    headers = {} if header is None else {"Authorization": header}
    url = f"ws://127.0.0.1:{port}{path}"
    defaults: dict[str, Any] = {"additional_headers": headers, "proxy": None, "compression": None}
    async with connect(url, **{**defaults, **options}) as socket:
        yield Client(socket)


@contextlib.asynccontextmanager
async def connected(
    port: int, user_id: str = "ann", channel: str = "tasks", **options: Any
) -> AsyncIterator[Client]:
    """An authenticated connection, past its first message."""
    path, header = f"/ws/{channel}/{user_id}/", f"Bearer {token(user_id)}"
    async with opened(port, path, header, **options) as client:
        assert (await client.receive())["type"] == "connection_established"
        yield client


async def http_get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a plain HTTP request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_SECONDS):
        answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body
