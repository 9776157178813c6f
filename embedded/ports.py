"""Ports of the loopback address."""

import os
import random
import socket

from embedded.errors import PortTakenError

LOOPBACK = "127.0.0.1"

# Below the ports that Linux and macOS give to outgoing connections: a client which retries a stopped
# server at one of those can be given that very port, connect to itself, and keep the server from it.
_CANDIDATES = range(20_000, 32_000)


def free_port() -> int:
    """A port that nothing listens on now.

    Raises `PortTakenError` where fifty in a row are taken.
    """
    # not the shared generator: test tools seed it, and parallel runs would all try the same ports
    tries = random.SystemRandom().sample(_CANDIDATES, 50)
    for port in tries[:-1]:
        try:
            require_free(port)
        except PortTakenError:
            continue
        return port
    require_free(tries[-1])
    return tries[-1]


def require_free(port: int) -> None:
    """Raise `PortTakenError` unless a server may listen on `port` now."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        # not error.strerror, to which socket.create_server adds the address
        raise PortTakenError(port, os.strerror(error.errno or 0)) from None
