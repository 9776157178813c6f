"""Ports of the loopback address."""

import os
import random
import socket

from embedded.errors import PortTakenError

LOOPBACK = "127.0.0.1"

# Below the ports that Linux and macOS give to outgoing connections: a client which retries a stopped
# server at one of those can be given that very port, connect to itself, and keep the server from it.
_CANDIDATES = range(20_000, 32_000)
_TRIES = 50

_untried: list[int] = []


def free_port() -> int:
    """A port that nothing listens on now, and that this process was not given before, until all were.

    A server is often started long after its port was chosen: the next one to choose must not get the same.
    Raises `PortTakenError` where fifty in a row are taken.
    """
    if len(_untried) < _TRIES:
        # not the shared generator: test tools seed it, and parallel runs would all try the same ports
        _untried[:] = random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES))
    for _ in range(_TRIES - 1):
        port = _untried.pop()
        try:
            require_free(port)
        except PortTakenError:
            continue
        return port
    last = _untried.pop()
    require_free(last)
    return last


def require_free(port: int) -> None:
    """Raise `PortTakenError` unless a server may listen on `port` now."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        # not error.strerror, to which socket.create_server adds the address
        raise PortTakenError(port, os.strerror(error.errno or 0)) from None
