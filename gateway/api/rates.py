"""How often one user may call: a token bucket each, and the headers that tell of it. No I/O, no clock of its own.

The headers are those of draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy and RateLimit.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW_SECONDS = 60
MOST_BUCKETS = 100_000  # the one that was used longest ago is forgotten; it would be full again by then


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a bucket after a call; refused: the call was one too many."""

    quota: int
    left: int
    full_in_seconds: int
    refused: bool

    def headers(self) -> dict[str, str]:
        """Standard headers, of every answer."""
        found = {
            "RateLimit-Policy": f'"default";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={self.left};t={self.full_in_seconds}',
        }
        if self.refused:
            found["Retry-After"] = str(max(1, math.ceil(WINDOW_SECONDS / self.quota)))
        return found


class Rates:
    """Buckets by name: a user, or the address of one who is not authenticated."""

    def __init__(self, quota: int) -> None:
        self._quota = quota
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> tokens, at

    @property
    def names(self) -> Mapping[str, object]:
        """Whose buckets are remembered."""
        return self._buckets

    def take(self, name: str, now: float) -> Rate:
        """One call at a moment, in seconds of a clock that never goes back."""
        refill = self._quota / WINDOW_SECONDS
        tokens, at = self._buckets.pop(name, (float(self._quota), now))
        tokens = min(float(self._quota), tokens + (now - at) * refill)
        refused = tokens < 1
        if not refused:
            tokens -= 1
        self._buckets[name] = (tokens, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return Rate(self._quota, int(tokens), math.ceil((self._quota - tokens) / refill), refused)
