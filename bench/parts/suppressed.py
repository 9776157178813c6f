"""suppressed: a large task while ten million numbers are suppressed, against the same with none."""

import csv
import gzip
import io
import time
from collections.abc import Callable, Mapping
from importlib import resources

from pyroaring import BitMap

from bench import goals
from bench.part import Bench, Measured, Part
from bench.parts.pure import AREA_CODE, BATCH, planned_batch
from bench.results import Figure
from bench.sizes import MORE_AREA_CODES, Sizes
from bench.stats import median, quotients
from numberline import suppressions
from pipeline.allocate import draw_batch
from pipeline.draw import Space, space_of
from pipeline.holdings import Holdings
from pipeline.number_list import NumberList
from pipeline.prefix_build import PrefixRow, block_bits, prefix_events, with_fictional
from pipeline.prefixes import AreaCode
from pipeline.suppress import Suppressions
from schemas.events import Filters, Suppressed

USER = "bench-suppressed"
WARM_UP = 1_000

METHOD = (
    "The suppressed numbers are spread evenly over all that exist, so each area code has its part. In each "
    "repetition first the task without, then they are put on everybody's list by what `numberline suppress import` "
    "runs after reading its file, the same task again, and they are taken off. Timed as in the part million.",
    "Step allocate: mean of the batches of a task, out of the worker's metrics.",
    f"Draw and pack: a batch of {BATCH:,} numbers of area code {AREA_CODE} in the suite's own process, what is "
    "withheld from its user included; median of the calls of a repetition.",
)


async def measure(bench: Bench) -> Measured:
    """Without, list, with, no list; and again."""
    area_codes, settings = shipped(), bench.system.settings
    listed = numbers_of(area_codes, bench.sizes.suppressed)
    tasks: dict[bool, list[float]] = {False: [], True: []}
    steps: dict[bool, list[float]] = {False: [], True: []}
    puts = []
    async with bench.load.client(USER) as client:
        await bench.load.one(client, USER, WARM_UP, MORE_AREA_CODES)
        for _ in range(bench.repeat):
            for on in (False, True):
                if on:
                    started = time.perf_counter()
                    put = suppressions.Change(listed, None, False, "bench", "bench")
                    await suppressions.make_change(settings, put, lambda: None)
                    puts.append(time.perf_counter() - started)
                await bench.system.quiet()
                records, seconds = bench.system.step_seconds()["allocate"]
                task = await bench.load.one(client, USER, bench.sizes.million, MORE_AREA_CODES)
                more_records, more_seconds = bench.system.step_seconds()["allocate"]
                tasks[on].append(task.seconds)
                steps[on].append((more_seconds - seconds) / (more_records - records) * 1000)
                bench.advance()
            off = suppressions.Change(listed, None, True, "bench", "bench")
            await suppressions.make_change(settings, off, lambda: None)
    draws_plain, draws_with = _draws(bench, area_codes[AREA_CODE], listed)
    return Measured(
        (
            Figure(
                "task with, over without",
                "x",
                quotients(tasks[True], tasks[False]),
                goal=goals.SUPPRESSED_OVER_PLAIN,
            ),
            Figure("step allocate with, over without", "x", quotients(steps[True], steps[False])),
            Figure("draw and pack with, over without", "x", quotients(draws_with, draws_plain)),
            Figure("task without", "s", tuple(tasks[False])),
            Figure("task with", "s", tuple(tasks[True])),
            Figure("step allocate without, a record", "ms", tuple(steps[False])),
            Figure("step allocate with, a record", "ms", tuple(steps[True])),
            Figure("draw and pack without", "ms", tuple(draws_plain), bench.sizes.pure_rounds),
            Figure("draw and pack with", "ms", tuple(draws_with), bench.sizes.pure_rounds),
            Figure("putting them on the list", "s", tuple(puts)),
        ),
        METHOD,
    )


def numbers_of(area_codes: Mapping[str, AreaCode], count: int) -> NumberList:
    """So many numbers, about, spread evenly over all that exist in the shipped data."""
    spaces = {code: space_of(area_code, Filters()) for code, area_code in area_codes.items()}
    every = max(1, sum(space.size for space in spaces.values()) // count)
    return NumberList(
        {code: BitMap(space.bitmap.to_array()[::every]).serialize() for code, space in spaces.items()}
    )


def shipped() -> dict[str, AreaCode]:
    """The shipped prefix data by area code."""
    (file,) = (one for one in (resources.files("numberline") / "data").iterdir() if one.name.endswith(".csv.gz"))
    with gzip.open(io.BytesIO(file.read_bytes()), "rt", newline="") as lines:
        rows = [
            PrefixRow(
                row["npa"],
                int(row["nxx"]),
                block_bits(row["blocks"]),
                row["country"],
                row["state"],
                row["timezone"],
                row["carrier"],
                row["line_type"],
            )
            for row in csv.DictReader(lines)
        ]
    return {event.area_code: AreaCode(event) for event in prefix_events(with_fictional(rows), 1, 1)}


def _draws(bench: Bench, prefixes: AreaCode, listed: NumberList) -> tuple[list[float], list[float]]:
    """Milliseconds of a batch without and with the list, by repetition; half of what exists is taken."""
    space = space_of(prefixes, Filters())
    half = BitMap(space.bitmap.to_array()[1::2])
    without, with_list = Holdings(half.copy(), Suppressions()), Holdings(half.copy(), Suppressions())
    with_list.apply(Suppressed(AREA_CODE, "bench", None, False, listed.serialized()[AREA_CODE]))
    times: dict[bool, list[float]] = {False: [], True: []}
    for repetition in range(bench.repeat):
        for on, holdings in ((False, without), (True, with_list)):
            calls = [
                _milliseconds(_drawing(space, holdings, repetition * bench.sizes.pure_rounds + number))
                for number in range(bench.sizes.pure_rounds)
            ]
            times[on].append(median(calls))
    return times[False], times[True]


def _drawing(space: Space, holdings: Holdings, batch: int) -> Callable[[], object]:
    planned = planned_batch(batch)
    return lambda: draw_batch(planned, space, holdings.withheld_from(planned.user_id)).serialize()


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _title(sizes: Sizes) -> str:
    return f"{sizes.million:,} numbers while {sizes.suppressed:,} are suppressed"


PART = Part("suppressed", _title, lambda sizes, repeat: 2 * repeat, measure)
