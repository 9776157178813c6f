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


def get(url: str, status: int = 200) -> str:
    """The body of an answer with this status, else nothing."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            found, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            found, body = error.code, error.read()
    except (urllib.error.URLError, OSError, ValueError):
        return ""
    return str(body.decode()) if found == status else ""
