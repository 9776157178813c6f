"""Frames that no library would send: each its close code, and nothing else of it."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator

import pytest

from gateway.client_socket import READ_BYTES, ClientSocket
from tests.gateway.events import token
from tests.gateway.harness import PATIENCE_SECONDS, Gateway, connected

TEXT, BINARY, CONTINUATION, CLOSE, PING = 0x1, 0x2, 0x0, 0x8, 0x9


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """A frame of RFC 6455, section 5.2."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    length = len(payload)
    if length < 126:
        head += bytes([masked << 7 | length])
    elif length < 1 << 16:
        head += bytes([masked << 7 | 126]) + struct.pack("!H", length)
    else:
        head += bytes([masked << 7 | 127]) + struct.pack("!Q", length)
    return head + b"\0\0\0\0" + payload if masked else head + payload


class Wire:
    """A connection of bytes, past its handshake and its first message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, *frames: bytes) -> None:
        """Send bytes, whatever they are."""
        with contextlib.suppress(ConnectionError):
            for one in frames:
                self._writer.write(one)
                await self._writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """A frame of the server: opcode and payload."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            return first & 0xF, await self._reader.readexactly(length)

    async def close_code(self) -> int:
        """The code that the server closes with."""
        while True:
            opcode, payload = await self.receive()
            if opcode == CLOSE:
                return int(struct.unpack("!H", payload[:2])[0])


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """An authenticated one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    writer.write(
        f"GET /ws/tasks/ann/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token()}\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    made = Wire(reader, writer)
    assert b"connection_established" in (await made.receive())[1]
    try:
        yield made
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


BROKEN = {
    "not masked": ([frame(TEXT, b"{}", masked=False)], 1002),
    "an opcode that is none": ([frame(0x3, b"x")], 1002),
    "reserved bits": ([frame(TEXT, b"x", rsv=4)], 1002),
    "a continuation of nothing": ([frame(CONTINUATION, b"x")], 1002),
    "a message within a message": ([frame(TEXT, b"x", fin=False), frame(TEXT, b"y")], 1002),
    "a fragmented ping": ([frame(PING, b"x", fin=False)], 1002),
    "a ping too long": ([frame(PING, b"x" * 126)], 1002),
    "a close with half a code": ([frame(CLOSE, b"\x03")], 1002),
    "a close code that is none": ([frame(CLOSE, struct.pack("!H", 999))], 1002),
    "invalid UTF-8": ([frame(TEXT, b"\xff\xfe")], 1007),
    "invalid UTF-8 in fragments": ([frame(TEXT, b"\xc3", fin=False), frame(CONTINUATION, b"\x28")], 1007),
    "a message too big": ([frame(TEXT, b"x" * 65_537)], 1009),
    "a length without the bytes": ([frame(TEXT, b"x" * 70_000)[:14]], 1009),
    "fragments too big together": (
        [frame(TEXT, b"x" * 40_000, fin=False), frame(CONTINUATION, b"x" * 40_000)],
        1009,
    ),
    "fragments without end": ([frame(TEXT, b"", fin=False), *[frame(CONTINUATION, b"", fin=False)] * 1000], 4429),
    "pings without end": ([frame(PING, b"x" * 125) * 1000], 4429),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_frame_is_closed_with_its_code_and_nobody_else_feels_it(gateway: Gateway, what: str) -> None:
    frames, code = BROKEN[what]
    async with connected(gateway.port) as other, wire(gateway.port) as broken:
        await broken.send(*frames)
        assert await broken.close_code() == code
        assert await other.before_pong() == []
    limits = {1009: "message_size", 4429: "messages"}
    if code in limits:
        name = "numberline_websocket_limits_reached_total"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while gateway.metric(name, limit=limits[code]) != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_message_in_fragments_is_one_message(gateway: Gateway) -> None:
    async with wire(gateway.port) as client:
        parts = [b'{"ty', b'pe": "p', b"", b'ing"}']
        await client.send(
            frame(TEXT, parts[0], fin=False), *(frame(CONTINUATION, one, fin=False) for one in parts[1:3])
        )
        await client.send(frame(PING, b"between"), frame(CONTINUATION, parts[3]))
        assert await client.receive() == (0xA, b"between")
        assert b'"type":"pong"' in (await client.receive())[1]


async def test_noise_leaves_the_gateway_as_it_was(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(gateway.port) as other:
        for number in range(50):
            async with wire(gateway.port) as noisy:
                await noisy.send(os.urandom(1 + 40 * number))
        assert await other.before_pong() == []
    assert "Traceback" not in caplog.text


async def test_a_flood_is_read_in_small_pieces_so_that_others_get_their_turn(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read at once is also parsed and answered at once: 7,000 pings would fit into what asyncio takes."""
    sizes: list[int] = []
    receive = ClientSocket.data_received

    def received(self: ClientSocket, data: bytes) -> None:
        sizes.append(len(data))
        receive(self, data)

    monkeypatch.setattr(ClientSocket, "data_received", received)
    async with wire(gateway.port) as one:
        await one.send(frame(PING) * 7_000)
        assert await one.close_code() == 4429
    assert max(sizes) <= READ_BYTES
