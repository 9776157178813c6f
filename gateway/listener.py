"""How a port stops taking connections without dropping one half made."""

import asyncio
import socket
from collections.abc import Iterable


async def stop_accepting(listeners: Iterable[socket.socket]) -> None:
    """Take no more connections; those taken already are their server's, and close with it.

    listeners: of servers of the running loop, each of which is then to be closed.

    asyncio.Server.close alone, in the same turn of the loop as an accept, leaves that connection to nobody: no
    protocol hears of it, and its socket stays open until the garbage collector comes (CPython gh-109564).
    """
    loop = asyncio.get_running_loop()
    for listener in listeners:
        loop.remove_reader(listener)
    await asyncio.sleep(0)  # what was accepted in this turn becomes the server's in the next
