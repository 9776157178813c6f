"""The port: paths, health, who may come in, and an orderly end. The library websockets speaks the protocol."""

import contextlib
import errno
import functools
import logging
import re
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from gateway.archive import Archive
from gateway.audit import Audit
from gateway.authenticator import Authenticator
from gateway.client_socket import CLOSE_SECONDS, ClientSocket, close
from gateway.connection import Connection, SocketServices
from gateway.handshake import Refused, authenticate
from gateway.hub import Hub
from gateway.limits import Budget, LimitReached, Limits
from gateway.origins import Origins
from gateway.shutdown import shut_down
from pipeline.errors import RefusedToStart, Unavailable
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings, variable
from pipeline.tokens import Identity
from schemas.identity import IDENTIFIER

log = logging.getLogger(__name__)
# of its own: at level debug the library would log headers, and tokens with them
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.WARNING)

PATHS = "/ws/tasks/USER/ and /ws/phone-generation/USER/"
_PATH = re.compile(r"/ws/(tasks|phone-generation)/([^/]+)/")
MOST_CLIENT_MESSAGE_BYTES = 1 << 16
FORWARDED = "X-Forwarded-For"
ORIGINS_VARIABLE = variable("allowed_origins")
TOO_BIG = 1009
KNOWN_CLOSE_CODES = {1000, 1001, 1002, 1005, 1006, 1007, 1009, 1011, 1013, 4401, 4403, 4408, 4429}


def channel_and_user(path: str) -> tuple[str, str] | None:
    """What a WebSocket path asks for; a query, where a token must never stand, means nothing."""
    if (match := _PATH.fullmatch(path.partition("?")[0])) is None:
        return None
    user_id = unquote(match[2])
    return (match[1], user_id) if IDENTIFIER.fullmatch(user_id) else None


class GatewayServer:
    """Accepts connections.

    not_ready: why no client can be served yet, or None; away: which server does not answer, which those who are
    connected already can live with. `/readyz` tells either.
    """

    def __init__(
        self,
        settings: Settings,
        hub: Hub,
        archive: Archive,
        metrics: GatewayMetrics,
        authenticator: Authenticator,
        origins: Origins,
        audit: Audit,
        not_ready: Callable[[], str | None],
        away: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._settings, self._metrics, self._away = settings, metrics, away
        self._authenticator, self._origins, self._audit = authenticator, origins, audit
        self._not_ready = not_ready
        self._limits = Limits(settings)
        self._services = SocketServices(hub, archive, authenticator, metrics, settings.max_subscriptions)
        self._connections: set[Connection] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port, while it is open; afterwards every client was told 1001.  Raises RefusedToStart."""
        try:
            server = await serve(
                self._handle,
                self._settings.host,
                self._settings.gateway_port,
                create_connection=functools.partial(ClientSocket, self._limits),  # type: ignore[arg-type]
                process_request=self._answer_http,
                compression="deflate" if self._settings.websocket_compression else None,
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
            await shut_down(server, self._connections)

    def _answer_http(self, socket: ServerConnection, request: Request) -> Response | None:
        """Health, 404 and 403; None where a WebSocket may open."""
        match request.path:
            case "/healthz":
                return socket.respond(HTTPStatus.OK, "alive\n")
            case "/readyz":
                reason = self._not_ready() or self._away()
                if reason is None:
                    return socket.respond(HTTPStatus.OK, "ready\n")
                return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}\n")
        if channel_and_user(request.path) is None:
            return socket.respond(HTTPStatus.NOT_FOUND, f"not found; WebSocket paths are {PATHS}\n")
        if not self._origins.allow(request.headers.get_all("Origin")):
            self._metrics.authentication_failures.labels("origin").inc()
            return socket.respond(HTTPStatus.FORBIDDEN, f"this page's origin is not in {ORIGINS_VARIABLE}\n")
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        assert isinstance(socket, ClientSocket)
        try:
            await self._serve(socket)
        except Refused as refused:
            self._metrics.authentication_failures.labels(refused.cause).inc()
            await close(socket, refused.code, refused.reason)
        except LimitReached as reached:
            self._metrics.limits_reached.labels(reached.limit).inc()
            await close(socket, 4429, reached.text)
        except ConnectionClosed:
            pass
        finally:
            self._count_end(socket)

    async def _serve(self, socket: ClientSocket) -> None:
        assert socket.request is not None
        channel_user = channel_and_user(socket.request.path)
        assert channel_user is not None  # else it was answered 404
        channel, user_id = channel_user
        budget = Budget(self._limits, self._limits.address(socket.peer, socket.request.headers.get_all(FORWARDED)))
        socket.check_frame = budget.check_frame
        with self._limits.connection(), self._limits.of_address(budget.address):
            if (reason := self._not_ready()) is not None:
                raise Refused(1013, f"not ready, try again later: {reason}", "not_ready")
            identity = await authenticate(socket, user_id, self._authenticator)
            budget.user_id = identity.user_id
            with self._limits.of_user(identity.user_id):
                await self._record(identity, user_id, channel)
                await self._converse(Connection(socket, identity, user_id, channel, self._services))

    async def _record(self, identity: Identity, user_id: str, channel: str) -> None:
        """Let an operator see another user's tasks only when that is on record.  Raises Refused."""
        if identity.user_id != user_id:
            try:
                await self._audit.reads(identity.user_id, user_id, f"/ws/{channel}/{user_id}/")
            except Unavailable:
                raise Refused(1013, "the audit record cannot be written; try again later", "not_ready") from None

    async def _converse(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._metrics.connections.inc()
        try:
            await connection.run()
        finally:
            self._metrics.connections.dec()
            self._connections.discard(connection)

    def _count_end(self, socket: ClientSocket) -> None:
        code = socket.sent_or_received_code
        self._metrics.closes.labels(str(code) if code in KNOWN_CLOSE_CODES else "other").inc()
        if socket.refused is not None:
            self._metrics.limits_reached.labels(socket.refused.limit).inc()
        if code == TOO_BIG:
            self._metrics.limits_reached.labels("message_size").inc()


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
