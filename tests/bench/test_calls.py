"""HTTP calls of the suite: what comes instead of an answer."""

import asyncio
import socket
import struct
from collections.abc import Callable

import pytest

from bench import calls
from bench.calls import calling
from bench.errors import BenchError

AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: by RST instead of FIN


def closes(writer: asyncio.StreamWriter) -> None:
    """In order."""
    writer.close()


def resets(writer: asyncio.StreamWriter) -> None:
    """As a server does that is killed."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    writer.transport.abort()


def says_nothing(writer: asyncio.StreamWriter) -> None:
    """For as long as it is waited for."""


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (closes, "the connection was closed instead of an answer to GET /x"),
        (resets, "the connection was closed instead of an answer to GET /x"),
        (says_nothing, "no answer to GET /x within 0.2 s"),
    ],
)
async def test_a_call_without_an_answer_is_an_error_of_the_suite(
    behaviour: Callable[[asyncio.StreamWriter], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which keeps the parts before it; any other ends the run with nothing written."""
    monkeypatch.setattr(calls, "PATIENCE_SECONDS", 0.2)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        behaviour(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BenchError) as error:
            async with calling(port) as caller:
                await caller.call("GET", "/x")
        for writer in writers:
            writer.close()
    assert str(error.value) == said
