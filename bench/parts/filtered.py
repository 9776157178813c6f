"""filtered: a large task with filters of every kind, against one over the same area codes without any."""

from bench import goals
from bench.load import NO_FILTERS
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import WIDE_AREA_CODES, Sizes
from bench.stats import quotients

USER = "bench-filtered"
WARM_UP = 1_000
# every kind that a request knows
FILTERS = {
    "countries": ("US",),
    "states": ("CA", "GA", "NY", "TX"),
    "timezones": ("America/Chicago", "America/Los_Angeles", "America/New_York"),
    "carriers": ("bandwidth", "cellco", "cingular", "level 3", "metropcs", "omnipoint", "onvoy", "t-mobile"),
    "line_types": ("voip", "wireless"),
}

METHOD = (
    f"The same area codes with and without filters by {', '.join(FILTERS)}, all at once; the two take turns. Timed "
    "as in the part million.",
)


async def measure(bench: Bench) -> Measured:
    """Without, with; and again."""
    tasks: dict[bool, list[float]] = {False: [], True: []}
    quantity = bench.sizes.million
    async with bench.load.client(USER) as client:
        for filters in (NO_FILTERS, FILTERS):
            few = min(quantity, WARM_UP * len(WIDE_AREA_CODES))
            await bench.load.one(client, USER, few, WIDE_AREA_CODES, filters)
        for _ in range(bench.repeat):
            for on in (False, True):
                await bench.system.quiet()
                filters = FILTERS if on else NO_FILTERS
                task = await bench.load.one(client, USER, quantity, WIDE_AREA_CODES, filters)
                tasks[on].append(task.seconds)
                bench.advance()
    return Measured(
        (
            Figure(
                "task with, over without", "x", quotients(tasks[True], tasks[False]), goal=goals.FILTERED_OVER_PLAIN
            ),
            Figure("task without filters", "s", tuple(tasks[False])),
            Figure("task with filters", "s", tuple(tasks[True])),
        ),
        METHOD,
    )


def _title(sizes: Sizes) -> str:
    return f"{sizes.million:,} numbers under filters of every kind"


PART = Part("filtered", _title, lambda sizes, repeat: 2 * repeat, measure)
