"""Token buckets: so many at once, and as many again within a minute. No I/O, no clock of its own."""

from collections import OrderedDict
from collections.abc import Mapping

MOST_BUCKETS = 100_000  # the one that was used longest ago is forgotten; it would be full again by then
MINUTE_SECONDS = 60


class Bucket:
    """Of one name. left: what is allowed at once now, with the part of one that has come in."""

    __slots__ = ("_at", "_most", "left")

    def __init__(self, most: int, now: float) -> None:
        self._most, self.left, self._at = most, float(most), now

    def take(self, now: float) -> bool:
        """One more at a moment, in seconds of a clock that never goes back; whether it is allowed."""
        self.left = min(self._most, self.left + (now - self._at) * self._most / MINUTE_SECONDS)
        self._at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Buckets:
    """Buckets by name. They outlive connections, so that connecting again does not fill one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    @property
    def names(self) -> Mapping[str, object]:
        """Whose buckets are remembered."""
        return self._buckets

    def of(self, name: str, now: float) -> Bucket:
        """The bucket of a name; a full one where it has none."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._most, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket
