"""HTTP calls that cost their caller little: one connection, one call at a time, nothing parsed but the length."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from bench.errors import BenchError

PATIENCE_SECONDS = 60.0


class Caller:
    """One connection that is kept open, and the token that its calls have."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str | None) -> None:
        self._reader, self._writer = reader, writer
        self._head = "Host: 127.0.0.1\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")

    async def call(self, method: str, path: str, body: bytes = b"", expected: int = 200) -> bytes:
        """The body of an answer of known length.  Raises BenchError where its status is another or none comes."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + body)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                answer = await self._reader.readexactly(int(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise BenchError(f"the connection was closed instead of an answer to {method} {path}") from None
        except TimeoutError:
            raise BenchError(f"no answer to {method} {path} within {PATIENCE_SECONDS:g} s") from None
        if head.split(b" ", 2)[1] != b"%d" % expected:
            raise BenchError(f"{method} {path} was answered by {head[:30]!r} {answer[:200]!r}")
        return answer

    async def seconds(self, method: str, path: str, body: bytes = b"", expected: int = 200) -> float:
        """How long a call takes, from before it is sent until all of its answer is there."""
        started = time.perf_counter()
        await self.call(method, path, body, expected)
        return time.perf_counter() - started


@contextlib.asynccontextmanager
async def calling(port: int, token: str | None = None) -> AsyncIterator[Caller]:
    """A caller, connected."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield Caller(reader, writer, token)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
