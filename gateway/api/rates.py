"""How often one user may call, and the headers that tell of it. No I/O, no clock of its own.

The headers are those of draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy and RateLimit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.buckets import MINUTE_SECONDS, Buckets


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
            "RateLimit-Policy": f'"default";q={self.quota};w={MINUTE_SECONDS}',
            "RateLimit": f'"default";r={self.left};t={self.full_in_seconds}',
        }
        if self.refused:
            found["Retry-After"] = str(max(1, math.ceil(MINUTE_SECONDS / self.quota)))
        return found


class Rates:
    """By name: a user, or the address of one who is not authenticated."""

    def __init__(self, quota: int) -> None:
        self._quota, self._buckets = quota, Buckets(quota)

    @property
    def names(self) -> Mapping[str, object]:
        """Who is remembered."""
        return self._buckets.names

    def take(self, name: str, now: float) -> Rate:
        """One call at a moment, in seconds of a clock that never goes back."""
        bucket = self._buckets.of(name, now)
        allowed = bucket.take(now)
        full_in_seconds = math.ceil((self._quota - bucket.left) * MINUTE_SECONDS / self._quota)
        return Rate(self._quota, int(bucket.left), full_in_seconds, refused=not allowed)
