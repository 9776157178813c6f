"""Small tasks on an idle system, then beside large ones of another user: what the parts mixed and crowded share."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from bench.part import SETTLE_SECONDS, Bench
from bench.results import Figure
from bench.sizes import SMALL
from bench.stats import percentile, quotients
from numberline.client import Client

METHOD = (
    "In each repetition first the idle samples, as in the part latency; then another user's large work is "
    "submitted, and small tasks follow one another until it ends, and again, until there are as many samples.",
    "Every small task that began while large ones ran counts, also where it ended after them.",
)

Large = Callable[[Client], Awaitable[object]]


async def idle_and_loaded(
    bench: Bench, user: str, first: list[str], large: Large
) -> tuple[list[list[float]], list[list[float]]]:
    """Milliseconds of small tasks, by repetition: idle, and beside `large` of another user.

    first: area codes that are used once before anything is measured, beside those of the small tasks.
    """
    codes, picks, samples = bench.sizes.latency_area_codes, random.Random(20260902), bench.sizes.samples
    idles, loadeds = [], []
    async with bench.load.client(user) as client, bench.load.client(f"{user}-large") as other:

        async def sample() -> float:
            return (await bench.load.one(client, user, SMALL, [picks.choice(codes)])).seconds * 1000

        for code in (*codes, *first):
            await bench.load.one(client, user, SMALL, [code])
        for _ in range(bench.repeat):
            idle: list[float] = []
            await bench.system.quiet()
            while len(idle) < samples:
                await asyncio.sleep(SETTLE_SECONDS)
                idle.append(await sample())
                bench.advance()
            loaded: list[float] = []
            while len(loaded) < samples:
                running = asyncio.ensure_future(large(other))
                before = min(samples, len(loaded))
                while not running.done():
                    loaded.append(await sample())
                await running
                for _ in range(min(samples, len(loaded)) - before):
                    bench.advance()
            idles.append(idle)
            loadeds.append(loaded)
    return idles, loadeds


def figures(idles: list[list[float]], loadeds: list[list[float]], samples: int, goal: float) -> tuple[Figure, ...]:
    """Figures of the samples, in ms, by repetition. goal: of the p95 under load, over that when idle."""

    def of(kind: list[list[float]], percent: float) -> tuple[float, ...]:
        return tuple(percentile(values, percent) for values in kind)

    fewest = min(len(loaded) for loaded in loadeds)
    ratio = quotients(of(loadeds, 95), of(idles, 95))
    name = f"{SMALL} numbers"
    return (
        Figure(f"{name}, p95 under load over p95 idle", "x", ratio, fewest, goal),
        Figure(f"{name} under load, p50", "ms", of(loadeds, 50), fewest),
        Figure(f"{name} under load, p95", "ms", of(loadeds, 95), fewest),
        Figure(f"{name} under load, slowest", "ms", of(loadeds, 100), fewest),
        Figure(f"{name} idle, p50", "ms", of(idles, 50), samples),
        Figure(f"{name} idle, p95", "ms", of(idles, 95), samples),
    )


def steps(samples: int, repeat: int) -> int:
    """How often a part of this kind is a step further."""
    return 2 * samples * repeat
