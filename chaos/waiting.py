"""Waiting for conditions, and asking a process over HTTP."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable

from chaos.errors import ChaosError

POLL_SECONDS = 0.05


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds.  Raises ChaosError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ChaosError(f"no {what} within {seconds:g} s")
        time.sleep(POLL_SECONDS)


def get(url: str) -> str:
    """The body of a 200, else nothing."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return ""
