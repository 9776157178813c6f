"""What a worker lacks: told by its parts, read by whoever asks for `/readyz` (agents/status.py)."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pipeline.errors import Unavailable
from pipeline.metrics import WorkerMetrics

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 2.0
WATCH_SECONDS, ANSWER_SECONDS = 1.0, 3.0
KAFKA, POSTGRESQL, PARTITIONS = "Kafka", "PostgreSQL", "partitions"

T = TypeVar("T")
Probe = Callable[[], Awaitable[T]]  # raises Unavailable while there is no answer


class Readiness:
    """By name, what is missing and why. Told in one thread, read in another."""

    def __init__(self) -> None:
        self._missing = {PARTITIONS: "this worker has no partitions yet"}
        self._lock = threading.Lock()

    def lacks(self, what: str, why: str) -> None:
        """It is missing from now on, or still. why: the line that `/readyz` has for it."""
        with self._lock:
            self._missing[what] = why

    def has(self, what: str) -> None:
        """It is there; no harm where it was."""
        with self._lock:
            self._missing.pop(what, None)

    def lacking(self, what: str) -> bool:
        """Whether it is missing."""
        with self._lock:
            return what in self._missing

    def missing(self) -> list[str]:
        """A line for each thing that is, in the order in which they went missing; empty: ready."""
        with self._lock:
            return list(self._missing.values())


async def once_it_answers(readiness: Readiness, server: str, probe: Probe[T], seconds: float) -> T:
    """What the probe returns, asked again with growing pauses while it raises Unavailable.

    seconds: for how long; raises the last Unavailable where the next pause would end later. Any other error goes
    through at once. A probe must have a deadline of its own.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            found = await probe()
        except Unavailable as error:
            if loop.time() + pause > deadline:
                raise
            if pause == FIRST_PAUSE_SECONDS:
                log.warning("waiting for %s, up to %g s: %s", server, seconds, error)
            readiness.lacks(server, f"{server} does not answer")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            readiness.has(server)
            return found


async def watch(readiness: Readiness, server: str, probe: Probe[object]) -> None:
    """Ask a server for ever whether it answers. Changes nothing but what `/readyz` says: steps have deadlines.

    No answer within ANSWER_SECONDS counts as none. Raises whatever a probe raises but Unavailable.
    """
    while True:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await probe()
        except (Unavailable, TimeoutError):
            readiness.lacks(server, f"{server} does not answer")
        else:
            readiness.has(server)
        await asyncio.sleep(WATCH_SECONDS)


def ready_at_rebalances(app: Any, readiness: Readiness, metrics: WorkerMetrics) -> None:
    """A worker lacks its partitions from their revocation until their tables are recovered; so says a metric."""
    metrics.ready.set_function(lambda: float(not readiness.lacking(PARTITIONS)))

    async def revoked(sender: Any, revoked: Any, **kwargs: Any) -> None:
        readiness.lacks(PARTITIONS, "the group is rebalancing, or tables are being recovered")

    async def complete(sender: Any, **kwargs: Any) -> None:
        readiness.has(PARTITIONS)

    app.on_partitions_revoked.connect(revoked)
    app.on_rebalance_complete.connect(complete)
