"""What allocate decides: the numbers of a batch, out of what the ledger leaves of its area code."""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from pyroaring import BitMap

from pipeline import draw
from pipeline.errors import Unavailable
from pipeline.prefixes import AreaCode
from schemas.events import BatchAllocated, BatchPlanned, Filters

FACTS_AT_ONCE = 128  # in memory for a union


def fact_key(area_code: str, task_id: str, batch: int) -> bytes:
    """Key of the ledger's fact of one batch."""
    return f"{area_code}|{task_id}|{batch}".encode()


def facts_prefix(area_code: str) -> bytes:
    """What the keys of all facts of an area code begin with."""
    return f"{area_code}|".encode()


def union(facts: Iterable[bytes]) -> BitMap:
    """All numbers under these facts; many at once, which is several times as quick as one by one."""
    taken, rest = BitMap(), iter(facts)
    while some := [BitMap.deserialize(fact) for fact in islice(rest, FACTS_AT_ONCE)]:
        taken = taken.union(*some)
    return taken


class Spaces:
    """The spaces last drawn from: making one costs more than a draw. A pure function, remembered."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, int, Filters], draw.Space] = OrderedDict()

    def of(self, prefixes: AreaCode, filters: Filters) -> draw.Space:
        """The space of an area code in its version under these filters."""
        key = prefixes.area_code, prefixes.version, filters
        if key not in self._known:
            self._known[key] = draw.space_of(prefixes, filters)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return self._known[key]


def draw_batch(planned: BatchPlanned, space: draw.Space, taken: BitMap) -> BitMap:
    """The numbers of a planned batch, fewer than its size only where the area code has no more.

    Raises Unavailable for a draw version that only a newer program knows.
    """
    if planned.draw_version != draw.DRAW_VERSION:
        raise Unavailable(f"program that draws by version {planned.draw_version}", 0)
    stream = draw.WordStream(planned.seed, planned.area_code, planned.batch)
    return draw.draw(stream, space, taken, planned.size)


def allocated(planned: BatchPlanned, fact: bytes) -> BatchAllocated:
    """What is sent on for a batch whose fact this is."""
    return BatchAllocated(
        task_id=planned.task_id,
        user_id=planned.user_id,
        batch=planned.batch,
        project_id=planned.project_id,
        area_code=planned.area_code,
        asked=planned.size,
        prefix_version=planned.prefix_version,
        auto_validate=planned.auto_validate,
        numbers=fact,
    )
