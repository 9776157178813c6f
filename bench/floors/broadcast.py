"""The floor of the gateway: a bare `websockets` server that sends each message that it gets to all its connections.

`python -m bench.floors.broadcast` prints its port and serves until its standard input ends.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

connections: set[ServerConnection] = set()


async def handle(socket: ServerConnection) -> None:
    """One connection."""
    connections.add(socket)
    try:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                broadcast(connections, message)
    finally:
        connections.discard(socket)


@contextlib.contextmanager
def bare_server() -> Iterator[tuple[int, int]]:
    """One in a process of its own: its process id and port."""
    command = [sys.executable, "-m", "bench.floors.broadcast"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.terminate()


async def main() -> None:
    """Serve."""
    async with serve(handle, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)  # noqa: T201
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
