"""A WebSocket on the wire: its TCP connection and every frame that comes count against the limits."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request
from websockets.protocol import Event

from gateway.limits import LimitReached, Limits

CLOSE_SECONDS = 5.0  # for the closing handshake; then the connection is cut
SEND_BUFFER_BYTES = 1 << 16  # of the kernel, which would let megabytes wait for each slow reader
READ_BYTES = 1 << 12  # at once: small frames are many, and are dealt with before others get their turn
MOST_REASON_BYTES = 123  # RFC 6455, section 5.5


class ClientSocket(ServerConnection):
    """A connection of the library.

    check_frame: called for every frame that the client sends, of whatever kind, pings and fragments too.
    """

    # beside the library's attributes: its instances share their keys, and no more would fit (PEP 412)
    __slots__ = ("_limits", "check_frame", "peer", "refused")

    def __init__(self, limits: Limits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self.peer = ""
        self.check_frame: Callable[[], None] | None = None
        self.refused: LimitReached | None = None

    @property
    def sent_or_received_code(self) -> int | None:
        """The close code: ours, where we closed, whether or not the client answered."""
        sent = self.protocol.close_sent
        return sent.code if sent is not None else self.close_code

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A TCP connection; too many of one address that never send a handshake are cut."""
        super().connection_made(transport)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # of asyncio's own transports
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if not self._limits.opened(self.peer):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._limits.lost(self.peer)
        super().connection_lost(exc)

    def process_event(self, event: Event) -> None:
        """One frame; the library's answer to a ping is under way already."""
        if self.refused is not None:
            return
        if not isinstance(event, Request) and self.check_frame is not None:
            try:
                self.check_frame()
            except LimitReached as reached:
                self.refuse(reached)
                return
        super().process_event(event)

    def refuse(self, reached: LimitReached) -> None:
        """Close with 4429, and read nothing more."""
        self.refused = reached
        self.protocol.fail(4429, reached.text)
        self.send_data()
        self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


def short(reason: str) -> str:
    """A reason as long as a close frame holds."""
    return reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")


async def close(client: ServerConnection, code: int, reason: str) -> None:
    """Close with a code, and cut the connection where the client does not take it in time."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close(code, short(reason))
    except TimeoutError:
        client.transport.abort()
