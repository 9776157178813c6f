"""The port of the HTTP API: uvicorn in the gateway's own loop, with every limit named."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway.listener import stop_accepting
from gateway.server import port_refused
from pipeline.settings import Settings

HEAD_BYTES = 32 << 10
HEAD_SECONDS = 10.0  # for the first head of a connection
KEEP_ALIVE_SECONDS = 15
SHUTDOWN_SECONDS = 1
BACKLOG = 1024

logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Protocol(H11Protocol):
    """A connection that must begin its calls in time: uvicorn's own limit begins after the first, and ends with the
    next byte, which may be the rest of a body that nobody read, or the only one of a head."""

    _timed: RequestResponseCycle | None = None  # the call whose successor must begin in time

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._close_unless_begun, None)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and self.cycle.response_complete and self._timed is not self.cycle:
            self._timed = self.cycle
            self.loop.call_later(KEEP_ALIVE_SECONDS, self._close_unless_begun, self.cycle)

    def _close_unless_begun(self, before: RequestResponseCycle | None) -> None:
        if self.cycle is before and not self.transport.is_closing():
            self.transport.close()


class _Server(Server):
    """One that leaves signals to the process that it is a part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # named by its protocol: asyncio switches Nagle's algorithm off only then, and it costs 40 ms an answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.http_port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise port_refused(settings, "http_port", settings.http_port, error) from error
    return listener


@contextlib.asynccontextmanager
async def listening(settings: Settings, app: FastAPI) -> AsyncIterator[int]:
    """The port, while it is open; afterwards calls had a second to end.  Raises RefusedToStart."""
    listener = _bound(settings)
    server = _Server(
        Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=settings.http_connections,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        await stop_accepting([listener])
        server.should_exit = True
        await serving
