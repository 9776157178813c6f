"""How far the steps are behind: records of a topic not committed yet, and for how long they have waited."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

MOST_SAMPLES = 256  # of a partition; then every other one goes

Partition = tuple[str, int]  # topic, partition


@dataclass(frozen=True)
class Lag:
    """Of one topic. seconds: how long the oldest record has been seen to wait."""

    records: int = 0
    seconds: float = 0.0


class LagLog:
    """Remembers when the end of each partition was first seen beyond an offset; so no record need be read.

    What waits since before the first look is taken to wait since then.
    """

    def __init__(self) -> None:
        self._ends: dict[Partition, deque[tuple[float, int]]] = {}

    def take(self, now: float, ends: Mapping[Partition, int], committed: Mapping[Partition, int]) -> dict[str, Lag]:
        """Topic -> its lag. now: s of any clock. committed: the next offset to be read, for every partition."""
        found: dict[str, Lag] = {}
        for partition, end in ends.items():
            seen = self._ends.setdefault(partition, deque())
            if not seen or seen[-1][1] < end:
                seen.append((now, end))
            while seen and seen[0][1] <= committed[partition]:
                seen.popleft()
            if len(seen) > MOST_SAMPLES:
                self._ends[partition] = deque(list(seen)[::2])
            topic, known = partition[0], found.get(partition[0], Lag())
            waited = now - seen[0][0] if seen else 0.0
            found[topic] = Lag(known.records + max(0, end - committed[partition]), max(known.seconds, waited))
        return found
