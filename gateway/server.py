"""The port: paths, health, who may come in, and an orderly end. The library websockets speaks the protocol."""

import asyncio
import contextlib
import errno
import logging
import re
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from gateway.archive import Archive
from gateway.authenticator import Authenticator
from gateway.connection import Connection
from gateway.handshake import Refused, authenticate
from gateway.hub import Hub
from gateway.sender import CLOSE_SECONDS, close
from pipeline.errors import RefusedToStart
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings, variable

log = logging.getLogger(__name__)
# of its own: at level debug the library would log headers, and tokens with them
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.WARNING)

PATHS = "/ws/tasks/USER/ and /ws/phone-generation/USER/"
_PATH = re.compile(r"/ws/(tasks|phone-generation)/([^/]+)/")
_USER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MOST_CLIENT_MESSAGE_BYTES = 1 << 16
SHUTDOWN_SECONDS = 1.2
KNOWN_CLOSE_CODES = {1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011, 1013, 4401, 4403, 4408, 4429}


def channel_and_user(path: str) -> tuple[str, str] | None:
    """What a WebSocket path asks for; a query, where a token must never stand, means nothing."""
    if (match := _PATH.fullmatch(path.partition("?")[0])) is None:
        return None
    user_id = unquote(match[2])
    return (match[1], user_id) if _USER.fullmatch(user_id) else None


class GatewayServer:
    """Accepts connections. not_ready: why no client can be served yet, or None."""

    def __init__(
        self,
        settings: Settings,
        hub: Hub,
        archive: Archive,
        metrics: GatewayMetrics,
        authenticator: Authenticator,
        not_ready: Callable[[], str | None],
    ) -> None:
        self._settings, self._hub, self._archive, self._metrics = settings, hub, archive, metrics
        self._authenticator, self._not_ready = authenticator, not_ready
        self._held = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port, while it is open; afterwards every client was told 1001.  Raises RefusedToStart."""
        try:
            server = await serve(
                self._handle,
                self._settings.host,
                self._settings.gateway_port,
                process_request=self._answer_http,
                compression=None,  # 40 KiB a connection
                max_size=MOST_CLIENT_MESSAGE_BYTES,
                close_timeout=CLOSE_SECONDS,
                server_header=None,
                logger=_library_log,
            )
        except OSError as error:
            raise port_refused(self._settings, "gateway_port", self._settings.gateway_port, error) from error
        try:
            yield next(iter(server.sockets)).getsockname()[1]
        finally:
            await _shut_down(server)

    def _answer_http(self, socket: ServerConnection, request: Request) -> Response | None:
        """Health, and 404; None where a WebSocket may open."""
        match request.path:
            case "/healthz":
                return socket.respond(HTTPStatus.OK, "alive\n")
            case "/readyz":
                reason = self._not_ready()
                if reason is None:
                    return socket.respond(HTTPStatus.OK, "ready\n")
                return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n")
        if channel_and_user(request.path) is None:
            return socket.respond(HTTPStatus.NOT_FOUND, f"not found; WebSocket paths are {PATHS}\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        self._held += 1
        try:
            await self._serve(socket)
        except Refused as refused:
            self._metrics.authentication_failures.labels(refused.cause).inc()
            await close(socket, refused.code, refused.reason)
        except ConnectionClosed:
            pass
        finally:
            self._held -= 1
            code = socket.close_code
            self._metrics.closes.labels(str(code) if code in KNOWN_CLOSE_CODES else "other").inc()

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        address = channel_and_user(socket.request.path)
        assert address is not None  # else it was answered 404
        channel, user_id = address
        if self._held > self._settings.max_connections:
            raise Refused(4429, "this gateway holds as many connections as it may", "too_many_connections")
        if (reason := self._not_ready()) is not None:
            raise Refused(1013, f"not ready, try again later: {reason}", "not_ready")
        await authenticate(socket, user_id, self._authenticator)
        with self._metrics.connections.track_inprogress():
            await Connection(socket, user_id, channel, self._hub, self._archive, self._metrics).run()


def port_refused(settings: Settings, setting: str, port: int, error: OSError) -> RefusedToStart:
    """Why a port could not be opened, and which variable helps."""
    if error.errno == errno.EADDRINUSE:
        return RefusedToStart(
            f"port {port} on {settings.host} is taken", f"set {variable(setting)} to another, or to 0"
        )
    return RefusedToStart(
        f"cannot listen on {settings.host} port {port}: {error.strerror or error}",
        f"set {variable('host')} or {variable(setting)}",
    )


async def _shut_down(server: Server) -> None:
    """Tell every client 1001, and cut those who do not answer in time."""
    server.close()
    waiting = asyncio.ensure_future(server.wait_closed())
    await asyncio.wait([waiting], timeout=SHUTDOWN_SECONDS)
    if waiting.done():
        return
    for socket in list(server.all_connections):
        socket.transport.abort()
    for task in list(server.handler_tasks):  # handshakes that were never finished
        if not task.done():
            task.cancel()
    await asyncio.wait([waiting], timeout=SHUTDOWN_SECONDS / 4)
    waiting.cancel()
