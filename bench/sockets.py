"""WebSocket clients that cost little, thousands in one process: they count frames and parse nothing."""

import asyncio
import base64
import os
import socket
import time
from collections.abc import Sequence

from bench.errors import BenchError

PATIENCE_SECONDS = 60.0
SILENCE_SECONDS = 1.0  # then nothing more is on its way
TEXT = 0x1
SMALL_BUFFER = 4096  # of a client that does not read, so that what it does not take is the server's burden


class Arrivals:
    """What has come to all clients of one server."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Count anew."""
        self.sent: list[float] = []  # when each message was on its way, in the order of the messages
        self.waits: list[float] = []  # of each delivery, from there until it came, in seconds
        self.count = 0
        self.last = 0.0

    def came(self, first: int, frames: int) -> None:
        """So many frames have come to one client, the first of them its first-th."""
        self.last = time.perf_counter()
        self.count += frames
        self.waits += [self.last - sent for sent in self.sent[first : first + frames]]

    async def until_silent(self) -> None:
        """Return when nothing has come for a while."""
        deadline, seen = time.perf_counter() + PATIENCE_SECONDS, -1
        while seen != self.count or not self.count:
            seen = self.count
            if time.perf_counter() > deadline:
                raise BenchError(f"no end of messages within {PATIENCE_SECONDS:g} s")
            await asyncio.sleep(SILENCE_SECONDS)


class RawClient(asyncio.Protocol):
    """One connection. established: the handshake is answered, and the first frame is here where one comes."""

    def __init__(self, request: bytes, arrivals: Arrivals, greets: bool) -> None:
        self._request, self._arrivals, self._greets = request, arrivals, greets
        self._buffer = b""
        self._open = False
        self.frames = 0  # since they were last counted anew
        self.established: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if not self.established.done():
            self.established.set_exception(BenchError("a connection was closed before it was established"))

    def data_received(self, data: bytes) -> None:
        """Count whole frames."""
        buffer = self._buffer + data
        if not self._open:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head:
                self.established.set_exception(BenchError(f"no WebSocket: {head[:80]!r}"))
                return
            self._open = True
            if not self._greets:
                self.established.set_result(None)
        frames, used = _whole_frames(buffer)
        self._buffer = buffer[used:]
        if frames and not self.established.done():
            self.established.set_result(None)
            frames -= 1
        if frames:
            self._arrivals.came(self.frames, frames)
            self.frames += frames

    def send_text(self, payload: bytes) -> None:
        """A frame, masked by zeros."""
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | TEXT]) + size + b"\0\0\0\0" + payload)


def _whole_frames(buffer: bytes) -> tuple[int, int]:
    """How many text frames, and how many bytes all whole frames have."""
    frames, at, end = 0, 0, len(buffer)
    while at + 2 <= end:
        length, head = buffer[at + 1], 2
        if length == 126:
            head, length = 4, int.from_bytes(buffer[at + 2 : at + 4], "big")
        elif length == 127:
            head, length = 10, int.from_bytes(buffer[at + 2 : at + 10], "big")
        if at + head + length > end:
            break
        frames += buffer[at] & 0xF == TEXT
        at += head + length
    return frames, at


FLOOD_FRAMES = 200  # written at once


async def flood(clients: "Clients", payload: bytes) -> None:
    """One client that sends as many frames as are taken, and comes again whenever it is closed; until cancelled."""
    while True:
        try:
            client = await clients.one()
            while not client.transport.is_closing():
                for _ in range(FLOOD_FRAMES):
                    client.send_text(payload)
                await asyncio.sleep(0)
                if client.transport.get_write_buffer_size() > 1 << 20:
                    await asyncio.sleep(0.01)
        except (BenchError, OSError):  # refused at once: its budget is used up
            await asyncio.sleep(0.01)


class Clients:
    """Clients of one server. greets: whether it sends a first message by itself."""

    def __init__(self, port: int, path: str, token: str | None, greets: bool, deflate: bool = False) -> None:
        self._port, self._greets = port, greets
        key = base64.b64encode(os.urandom(16)).decode()
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            + (f"Authorization: Bearer {token}\r\n" if token else "")
            + ("Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else "")
            + "\r\n"
        ).encode()
        self.arrivals = Arrivals()
        self.all: list[RawClient] = []

    async def open(self, count: int, within_seconds: float = 0.0) -> Sequence[float]:
        """Open so many, evenly over a time; how long each took until it was established, in seconds."""

        async def one(number: int) -> float:
            await asyncio.sleep(within_seconds * number / count)
            started = time.perf_counter()
            await self.one()
            return time.perf_counter() - started

        return await asyncio.gather(*(one(number) for number in range(count)))

    async def one(self, reading: bool = True) -> RawClient:
        """One more, which takes nothing where it is not reading."""
        raw = socket.socket()
        raw.setblocking(False)
        if not reading:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(raw, ("127.0.0.1", self._port))
        except BaseException:
            raw.close()
            raise
        transport, client = await loop.create_connection(
            lambda: RawClient(self._request, self.arrivals, self._greets), sock=raw
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await client.established
        except BaseException:
            transport.abort()
            raise
        if not reading:
            client.transport.pause_reading()
        self.all.append(client)
        return client

    def count_anew(self) -> Arrivals:
        """Forget what has come."""
        self.arrivals.clear()
        for client in self.all:
            client.frames = 0
        return self.arrivals

    async def close(self) -> None:
        """Cut all of them."""
        for client in self.all:
            client.transport.abort()
        self.all.clear()
        await asyncio.sleep(0.5)
