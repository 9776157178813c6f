"""The orderly end: every client is told 1001 and when to come back, so that not all come at once."""

import asyncio
from collections.abc import Collection

from websockets.asyncio.server import Server

from gateway.connection import Connection
from gateway.listener import stop_accepting

SECONDS = 1.2  # for the closing handshakes, and as much again for every so many connections:
CONNECTIONS_A_SECOND = 5_000
FIRST_RETRY_SECONDS = 1.0
RETRIES_A_SECOND = 500  # of this gateway's clients, at its successors


async def shut_down(server: Server, connections: Collection[Connection]) -> None:
    """Tell every client 1001, and cut those who do not answer in time."""
    await stop_accepting(server.sockets)
    for number, connection in enumerate(list(connections)):
        connection.send_away(FIRST_RETRY_SECONDS + number / RETRIES_A_SECOND)
    server.close(reason="shutting down")  # and whoever is not authenticated yet
    waiting = asyncio.ensure_future(server.wait_closed())
    seconds = SECONDS + len(connections) / CONNECTIONS_A_SECOND
    await asyncio.wait([waiting], timeout=seconds)
    if waiting.done():
        return
    for socket in list(server.all_connections):
        socket.transport.abort()
    for task in list(server.handler_tasks):  # handshakes that were never finished
        if not task.done():
            task.cancel()
    await asyncio.wait([waiting], timeout=seconds / 4)
    waiting.cancel()
