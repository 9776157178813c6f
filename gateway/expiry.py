"""The end of a token while its connection is open: a warning, then the end, unless a new token comes in time."""

import asyncio
import time
from collections.abc import Callable

WARN_SECONDS = 60.0
LONGEST_WAIT_SECONDS = 3600.0  # then the wall clock is looked at again: it may have been set


class Expiry:
    """Watches one token. warn and end are called at most once each a token."""

    __slots__ = ("_end", "_expires_at", "_timer", "_warn", "_warned")

    def __init__(self, expires_at: float, warn: Callable[[], None], end: Callable[[], None]) -> None:
        self._warn, self._end = warn, end
        self._timer: asyncio.TimerHandle | None = None
        self.renew(expires_at)

    def renew(self, expires_at: float) -> None:
        """Another token holds from now on; seconds since the epoch."""
        self._expires_at, self._warned = expires_at, False
        self._wait()

    def stop(self) -> None:
        """Neither warn nor end."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self.stop()
        until = self._expires_at - (0 if self._warned else WARN_SECONDS)
        seconds = min(max(0.0, until - time.time()), LONGEST_WAIT_SECONDS)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        now = time.time()
        if now >= self._expires_at:
            self._end()
            return
        if not self._warned and now >= self._expires_at - WARN_SECONDS:
            self._warned = True
            self._warn()
        self._wait()
