"""What steps derive from the facts of a table and keep in memory, for one generation of the consumer group."""

import time
from typing import Any, Generic, TypeVar

from pipeline.metrics import WorkerMetrics

K = TypeVar("K")
V = TypeVar("V")


class Unions(Generic[K, V]):
    """Unions of facts by key, dropped whole at every rebalance.

    K: what a step looks its facts up by, as an area code or the prefix of a task. V: what they come to together.
    Belongs to the worker's event loop; no lock.

    A step takes `current()` once, before its first await: what it goes on to change then belongs to the
    generation in which it began, and a later one never sees it (delivery contract, rule 4).
    """

    def __init__(self) -> None:
        self._known: dict[K, V] = {}

    def current(self) -> dict[K, V]:
        """The unions of this generation: the dictionary itself, for the step to read and to add to."""
        return self._known

    def forget(self) -> None:
        """Begin a new generation."""
        self._known = {}


def forget_at_rebalances(app: Any, metrics: WorkerMetrics, *unions: Unions[Any, Any]) -> None:
    """Drop the unions when partitions are revoked, and again when recovery has changed the tables.

    Counts the rebalances, and the seconds from the first revocation, or the start, until tables are recovered.
    """
    without_since: float | None = time.monotonic()

    def forget() -> None:
        for union in unions:
            union.forget()

    async def revoked(sender: Any, revoked: Any, **kwargs: Any) -> None:
        nonlocal without_since
        without_since = without_since or time.monotonic()
        metrics.rebalances.inc()
        forget()

    async def complete(sender: Any, **kwargs: Any) -> None:
        nonlocal without_since
        if without_since is not None:
            metrics.recovery_seconds.observe(time.monotonic() - without_since)
            without_since = None
        forget()

    app.on_partitions_revoked.connect(revoked)
    app.on_rebalance_complete.connect(complete)
