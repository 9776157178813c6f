"""Who writes to PostgreSQL next: small batches before large ones, and a place that large ones never take."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic as _now

SMALL_ROWS = 1_000
# how much later a row makes a turn: one of 5,000 lets pass whatever small ones come within 0.5 s of it, and none
# after that; and however many rows it is, what comes a second later waits behind it, so that nobody waits for ever
SECONDS_A_ROW = 1e-4
MOST_SECONDS = 1.0


class Turns:
    """`places` turns at once for whatever comes, and one more for batches of at most SMALL_ROWS rows."""

    def __init__(self, places: int) -> None:
        self._free, self._free_for_small = places, 1
        self._waiting: list[tuple[float, int, bool, asyncio.Future[bool]]] = []
        self._count = itertools.count()

    @asynccontextmanager
    async def turn(self, rows: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        small, granted = rows <= SMALL_ROWS, asyncio.get_running_loop().create_future()
        order = _now() + min(rows * SECONDS_A_ROW, MOST_SECONDS)
        heapq.heappush(self._waiting, (order, next(self._count), small, granted))
        self._grant()
        try:
            extra = await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release(granted.result())
            raise
        try:
            yield
        finally:
            self._release(extra)

    def _release(self, extra: bool) -> None:
        if extra:
            self._free_for_small += 1
        else:
            self._free += 1
        self._grant()

    def _grant(self) -> None:
        """Give what is free to those whose turn it is, in their order."""
        passed = []
        while self._waiting and (self._free or self._free_for_small):
            one = heapq.heappop(self._waiting)
            _, _, small, granted = one
            if granted.cancelled():
                continue
            if self._free:
                self._free -= 1
                granted.set_result(False)
            elif small:
                self._free_for_small -= 1
                granted.set_result(True)
            else:
                passed.append(one)
        for one in passed:
            heapq.heappush(self._waiting, one)
