"""A TCP proxy in front of a server, which can cut, delay and half-close what runs through it."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from embedded.ports import LOOPBACK
from gateway.listener import stop_accepting

CHUNK = 1 << 16
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER for no time
CALL_SECONDS = 10.0


class _Connection:
    """One client's: two streams, and what copies between them."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server

    def reset(self) -> None:
        """Both ways, as by a router that has forgotten the connection: no end of stream, and nothing is flushed."""
        for side in (self.client, self.server):
            if (connected := side.get_extra_info("socket")) is not None and connected.fileno() >= 0:
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
            side.transport.abort()


class Proxy:
    """Listens on `port` of the loopback address, and passes everything on to `target_port` there."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port, self.target_port = port, target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._delay_seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        self.accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self._call(_all_else_ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def accept(self) -> None:
        """Let clients in, from now on."""
        self._call(self._accept())

    def refuse(self) -> None:
        """Cut every connection, and let nobody in until `accept`."""
        self._call(self._refuse())

    def cut(self) -> None:
        """Cut every connection; whoever comes again is let in."""
        self._call(self._cut())

    def delay(self, seconds: float) -> None:
        """Hold back every piece of what the server says for so long; 0 ends it."""
        self._delay_seconds = seconds

    def half_close(self) -> None:
        """Close the way from the clients to the server, and not the way back: of every connection that there is."""
        self._call(self._half_close())

    def _call(self, action: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(action, self._loop).result(CALL_SECONDS)

    async def _accept(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def _refuse(self) -> None:
        if (server := self._server) is not None:
            self._server = None
            await stop_accepting(server.sockets)
            server.close()
        await self._cut()

    async def _cut(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    async def _half_close(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError, RuntimeError):
                connection.server.write_eof()

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            to_client.transport.abort()
            return
        connection = _Connection(to_client, to_server)
        if self._server is None:  # it refuses since this one came
            connection.reset()
            return
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(from_client, to_server, delayed=False))
                both.create_task(self._copy(from_server, to_client, delayed=True))
        except* (OSError, RuntimeError):
            pass  # reset by either side, or written to after a half-close
        finally:
            connection.reset()
            self._connections.discard(connection)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, delayed: bool) -> None:
        while data := await source.read(CHUNK):
            if delayed and self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            sink.write(data)
            await sink.drain()
        sink.write_eof()


async def _all_else_ended() -> None:
    """Whatever runs in this loop; a connection just accepted is no task yet, but one within moments."""
    await asyncio.sleep(0.01)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


class Proxies:
    """Several as one: those in front of the brokers of a cluster."""

    def __init__(self, proxies: Sequence[Proxy]) -> None:
        self._proxies = proxies

    def accept(self) -> None:
        """Let clients in, from now on."""
        for proxy in self._proxies:
            proxy.accept()

    def refuse(self) -> None:
        """Cut every connection, and let nobody in until `accept`."""
        for proxy in self._proxies:
            proxy.refuse()

    def cut(self) -> None:
        """Cut every connection; whoever comes again is let in."""
        for proxy in self._proxies:
            proxy.cut()

    def delay(self, seconds: float) -> None:
        """Hold back every piece of what the servers say for so long; 0 ends it."""
        for proxy in self._proxies:
            proxy.delay(seconds)

    def half_close(self) -> None:
        """Close the way from the clients to the servers, and not the way back: of every connection there is."""
        for proxy in self._proxies:
            proxy.half_close()
