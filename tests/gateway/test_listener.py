"""A connection that comes as the port closes: it is ended, and no socket of it is left to the garbage collector."""

import asyncio
import contextlib
import gc
import socket
import warnings
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.listener import stop_accepting
from tests.gateway.harness import running_gateway

Listening = Callable[[], contextlib.AbstractAsyncContextManager[int]]


@contextlib.asynccontextmanager
async def any_server() -> AsyncIterator[int]:
    """One of asyncio's own."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    await stop_accepting(server.sockets)
    server.close()
    await server.wait_closed()


@contextlib.asynccontextmanager
async def a_gateway() -> AsyncIterator[int]:
    """One that tells its clients 1001."""
    async with running_gateway() as gateway:
        yield gateway.port


@pytest.mark.parametrize("listening", [any_server, a_gateway])
@pytest.mark.parametrize("turns", range(5))
async def test_whoever_connects_as_the_port_closes_is_not_left_open(listening: Listening, turns: int) -> None:
    """turns: of the loop from the connection to the end; accept and all that follows it have one each."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with listening() as port:
            client = socket.create_connection(("127.0.0.1", port))
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        gc.collect()
    client.close()
    assert [str(one.message) for one in warned] == []
