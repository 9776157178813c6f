"""One client's way out: straight to the socket while the client keeps up, else through its outbox."""

import asyncio
import functools

from prometheus_client import Counter
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from gateway.client_socket import close
from gateway.messages import Message
from gateway.outbox import Outbox, Overflow
from pipeline.metrics import GatewayMetrics

STALLED_SECONDS = 60.0  # a client that takes nothing for so long is cut
STRAIGHT_BYTES = 1 << 14  # that wait in the transport: more, and the client is slow


@functools.lru_cache(maxsize=64)
def _sent(metrics: GatewayMetrics, type_: str) -> Counter:
    """What counts messages of a type; to look it up for each delivery would cost more than to count."""
    return metrics.messages_sent.labels(type_)


class Sender:
    """Sends messages in order. Nobody ever waits for this client: what it does not take waits, within bounds."""

    __slots__ = ("_ending", "_metrics", "_outbox", "_socket", "_writer")

    def __init__(self, socket: ServerConnection, metrics: GatewayMetrics) -> None:
        self._socket, self._metrics = socket, metrics
        self._outbox: Outbox | None = None
        self._writer: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def put(self, message: Message) -> None:
        """Send a message, now or when the client reads; too many that wait end the connection."""
        if self._ending is not None:
            return
        if self._writer is None:
            if self._socket.transport.get_write_buffer_size() < STRAIGHT_BYTES:
                broadcast((self._socket,), message.text, text=True)
                _sent(self._metrics, message.type).inc()
                return
            self._outbox = self._outbox or Outbox()
            self._metrics.slow_readers.inc()
            self._writer = asyncio.create_task(self._write(self._outbox))
        assert self._outbox is not None
        try:
            self._outbox.put(message)
        except Overflow:
            self.end(1013, "you read too slowly; connect again")

    def withdraw(self) -> None:
        """Leave out what waits and tells of records: it will be told again."""
        if self._outbox is not None:
            self._outbox.withdraw()

    async def caught_up(self) -> None:
        """Return when nothing waits any more."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def not_slow(self) -> None:
        """Return when so little waits that there may be more."""
        if self._outbox is not None and self._outbox.slow:
            await self.caught_up()

    def end(self, code: int, reason: str) -> None:
        """Close the connection; whatever is put from now on is dropped."""
        if self._ending is None:
            self._ending = asyncio.create_task(close(self._socket, code, reason))

    async def stopped(self) -> None:
        """At the end of the connection: stop writing, and wait until it is closed."""
        if self._outbox is not None:
            self._metrics.progress_coalesced.inc(self._outbox.coalesced)
        if self._writer is not None:
            self._writer.cancel()
        if self._ending is not None:
            await self._ending

    async def _write(self, outbox: Outbox) -> None:
        try:
            while self._ending is None and (message := outbox.take()) is not None:
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._socket.send(message.text, text=True)
                _sent(self._metrics, message.type).inc()
        except TimeoutError:
            self.end(1013, "you stopped reading; connect again")
        except ConnectionClosed:
            pass
        finally:
            self._writer = None
