"""cost: what a number costs in tasks of three sizes, many at once and one alone."""

import asyncio
import time

from bench import goals, procfs
from bench.part import SETTLE_SECONDS, Bench, Measured, Part
from bench.results import Figure
from bench.sizes import WIDE_AREA_CODES, Sizes
from bench.stats import median, quotients

USER = "bench-cost"
WARM_UP, PAIR = 1_000, 2
PARTS_OF_A_MILLION = (1, 10, 100)  # tasks of a million, of 100,000, of 10,000
MOST_ALONE = 10  # tasks of a size that are measured one after the other

METHOD = (
    "Every task is over the same two area codes, another pair in each repetition: the batches of all are full.",
    "At once: as many numbers in all, as one task, as ten and as a hundred, all submitted at once; timed from "
    "before the first request is produced until the last `task_completed` is received. The three take turns.",
    "Alone: one task after the other on an idle system, each timed likewise; the median of a repetition. What a "
    "task costs however small it is, the way of its request and of its last message, is in it.",
    "Worker: its processor time over all numbers of the tasks at once.",
)


async def measure(bench: Bench) -> Measured:
    """Each size at once and alone; and again."""
    million = bench.sizes.million
    sizes = tuple(max(1, million // parts) for parts in PARTS_OF_A_MILLION)
    together: dict[int, list[float]] = {size: [] for size in sizes}
    alone: dict[int, list[float]] = {size: [] for size in sizes}
    worker: dict[int, list[float]] = {size: [] for size in sizes}
    async with bench.load.client(USER) as client:
        await bench.load.one(client, USER, min(million, WARM_UP * len(WIDE_AREA_CODES)), WIDE_AREA_CODES)
        for repetition in range(bench.repeat):
            at = repetition * PAIR % len(WIDE_AREA_CODES)
            pair = WIDE_AREA_CODES[at : at + PAIR]
            for size in sizes:
                count = million // size
                await bench.system.quiet()
                before, started = procfs.cpu_seconds(bench.system.worker.pid), time.perf_counter()
                await bench.load.all(client, USER, [size] * count, pair)
                together[size].append((time.perf_counter() - started) / (size * count))
                spent = procfs.cpu_seconds(bench.system.worker.pid) - before
                worker[size].append(spent / (size * count))
                seconds = []
                for _ in range(min(count, MOST_ALONE)):
                    await asyncio.sleep(SETTLE_SECONDS)
                    seconds.append((await bench.load.one(client, USER, size, pair)).seconds)
                alone[size].append(median(seconds) / size)
                bench.advance()
    return Measured(_figures(sizes, together, alone, worker), METHOD)


Values = dict[int, list[float]]


def _figures(sizes: tuple[int, ...], together: Values, alone: Values, worker: Values) -> tuple[Figure, ...]:
    largest, *smaller = sizes
    samples = {size: min(largest // size, MOST_ALONE) for size in sizes}

    def micro(values: list[float]) -> tuple[float, ...]:
        return tuple(value * 1e6 for value in values)

    return (
        *(
            Figure(
                f"{size:,} a task over {largest:,}, at once",
                "x",
                quotients(together[size], together[largest]),
                goal=goals.COST_FLAT,
            )
            for size in smaller
        ),
        *(
            Figure(
                f"{size:,} a task over {largest:,}, alone",
                "x",
                quotients(alone[size], alone[largest]),
                samples[size],
                goals.COST_FLAT,
            )
            for size in smaller
        ),
        *(Figure(f"{size:,} a task, at once, a number", "µs", micro(together[size])) for size in sizes),
        *(Figure(f"{size:,} a task, alone, a number", "µs", micro(alone[size]), samples[size]) for size in sizes),
        *(
            Figure(f"{size:,} a task, at once, worker's processor time a number", "µs", micro(worker[size]))
            for size in sizes
        ),
    )


def _title(sizes: Sizes) -> str:
    return f"a number's cost in tasks of {sizes.million:,} and of a tenth and a hundredth of it"


PART = Part("cost", _title, lambda sizes, repeat: repeat * len(PARTS_OF_A_MILLION), measure)
