"""Connections that say nothing more."""

import asyncio

import pytest
from fastapi import FastAPI, Response

from gateway.api import server
from pipeline.settings import Settings

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (HEAD % 0, b""),
        (HEAD % 0, b"P"),  # a head that never ends
        (HEAD % 4, b"body"),  # that came when its call was answered already, without it
        (HEAD % 4, b"b"),
    ],
)
async def test_a_connection_without_a_call_is_closed(
    first: bytes, then: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it has sent since its last one: each counts among those that a gateway holds."""
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 1)
    app = FastAPI()

    @app.post("/")
    async def refuse() -> Response:
        return Response("no", 401)

    async with server.listening(Settings(http_port=0), app) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        assert (await reader.readuntil(b"\r\n\r\nno")).startswith(b"HTTP/1.1 401")
        writer.write(then)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_call_that_comes_in_time_is_answered_however_slow_its_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit is for the head, and not for what is answered after it."""
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 3)
    app = FastAPI()
    seconds = iter((0.0, 3.5))

    @app.get("/")
    async def slow() -> str:
        await asyncio.sleep(next(seconds))
        return "slow"

    async with server.listening(Settings(http_port=0), app) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHos")
            await asyncio.sleep(0.2)
            writer.write(b"t: a\r\n\r\n")
            assert (await reader.readuntil(b'"slow"')).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
