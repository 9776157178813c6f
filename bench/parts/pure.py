"""pure: what the steps cost without Kafka and PostgreSQL, in this process."""

import itertools
import time
import uuid
from collections.abc import Callable
from importlib import resources

import numpy as np
from pyroaring import BitMap

from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.stats import median
from numberline.prefixes.shipped import SHIPPED, read_rows
from pipeline import draw
from pipeline.allocate import Spaces, allocated, draw_batch
from pipeline.enrich import enrich
from pipeline.prefix_build import prefix_events, with_fictional
from pipeline.prefixes import AreaCode
from schemas import codec
from schemas.events import BatchPlanned, BatchStored, Filters

AREA_CODE, BATCH = "415", 5_000

METHOD = (
    f"Batches of {BATCH:,} numbers of area code {AREA_CODE} and the shipped prefix data, in the suite's own "
    "process while the system is idle; each value is the median of the calls of a repetition. "
    "Pack: the batch as a roaring bitmap, as the ledger keeps it.",
)


async def measure(bench: Bench) -> Measured:
    """Every function in turn, and again."""
    prefixes = _prefixes()
    space = Spaces().of(prefixes, Filters())
    half = BitMap(space.bitmap.to_array()[::2])
    numbers = itertools.count()

    def draw_and_pack(taken: BitMap) -> Callable[[], object]:
        return lambda: draw_batch(planned_batch(next(numbers)), space, taken).serialize()

    planned = planned_batch(next(numbers))
    batch = allocated(planned, draw_batch(planned, space, BitMap()).serialize())
    enriched = enrich(batch, prefixes)
    stored = BatchStored(planned.task_id, planned.user_id, 0, AREA_CODE, BATCH, BATCH)
    encoded = {event: codec.encode(event) for event in (batch, enriched, stored)}
    calls: dict[str, Callable[[], object]] = {
        "draw and pack, nothing taken": draw_and_pack(BitMap()),
        "draw and pack, half of the area code taken": draw_and_pack(half),
        "enrich: join with the prefix data": lambda: enrich(batch, prefixes),
        "encode BatchAllocated": lambda: codec.encode(batch),
        "decode BatchAllocated": lambda: codec.decode(encoded[batch]),
        "encode NumbersEnriched": lambda: codec.encode(enriched),
        "decode NumbersEnriched": lambda: codec.decode(encoded[enriched]),
        "encode BatchStored": lambda: codec.encode(stored),
        "decode BatchStored": lambda: codec.decode(encoded[stored]),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(bench.repeat):
        for name, call in calls.items():
            times[name].append(_milliseconds(call, bench.sizes.pure_rounds))
        bench.advance()
    rates = tuple(BATCH / milliseconds * 1000 for milliseconds in times["enrich: join with the prefix data"])
    rounds = bench.sizes.pure_rounds
    figures = [Figure(name, "ms", tuple(values), rounds) for name, values in times.items()]
    return Measured((*figures, Figure("enrich, rows a second", "/s", rates, rounds)), METHOD)


def _milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Median time of a call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


def _prefixes() -> AreaCode:
    shipped = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    rows = (row for row in read_rows(shipped) if row.area_code == AREA_CODE)
    area_code = AreaCode(next(iter(prefix_events(with_fictional(rows), 1, 1))))
    assert np.count_nonzero(area_code.row_of_block >= 0)  # made once, as in a worker
    return area_code


def planned_batch(batch: int) -> BatchPlanned:
    """A batch of the area code of this part."""
    return BatchPlanned(
        task_id=str(uuid.UUID(int=1)),
        user_id="bench",
        batch=batch,
        project_id=None,
        area_code=AREA_CODE,
        size=BATCH,
        prefix_version=1,
        draw_version=draw.DRAW_VERSION,
        seed="1",
        auto_validate=False,
        filters=Filters(),
    )


PART = Part("pure", lambda sizes: "the pure steps alone", lambda sizes, repeat: repeat, measure)
