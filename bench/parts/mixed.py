"""mixed: small tasks while another user's large task runs, against the same on an idle system."""

import asyncio
import random

from bench import goals
from bench.part import SETTLE_SECONDS, Bench, Measured, Part
from bench.results import Figure
from bench.sizes import MILLION_AREA_CODES, SMALL, Sizes
from bench.stats import percentile, quotients
from numberline.client import Client

SMALL_USER, LARGE_USER = "bench-mixed-small", "bench-mixed-large"

METHOD = (
    "In each repetition first the idle samples, as in the part latency; then another user's large task is "
    "submitted, and small tasks follow one another until it ends, and again, until there are as many samples.",
    "Every small task that began while a large one ran counts, also where it ended after it.",
)


async def measure(bench: Bench) -> Measured:
    """Idle samples, then samples under load; and again."""
    codes, picks, samples = bench.sizes.latency_area_codes, random.Random(20260902), bench.sizes.samples
    idles, loadeds = [], []
    async with bench.load.client(SMALL_USER) as client, bench.load.client(LARGE_USER) as other:

        async def sample() -> float:
            return (await bench.load.one(client, SMALL_USER, SMALL, [picks.choice(codes)])).seconds * 1000

        for code in (*codes, *MILLION_AREA_CODES):  # none of them for the first time below
            await bench.load.one(client, SMALL_USER, SMALL, [code])
        for _ in range(bench.repeat):
            idle: list[float] = []
            await bench.system.quiet()
            while len(idle) < samples:
                await asyncio.sleep(SETTLE_SECONDS)
                idle.append(await sample())
                bench.advance()
            loaded: list[float] = []
            while len(loaded) < samples:
                running = asyncio.create_task(_large(bench, other))
                before = min(samples, len(loaded))
                while not running.done():
                    loaded.append(await sample())
                await running
                for _ in range(min(samples, len(loaded)) - before):
                    bench.advance()
            idles.append(idle)
            loadeds.append(loaded)
    return Measured(_figures(bench.sizes, idles, loadeds), METHOD)


async def _large(bench: Bench, other: Client) -> None:
    await bench.load.one(other, LARGE_USER, bench.sizes.million, MILLION_AREA_CODES)


def _figures(sizes: Sizes, idles: list[list[float]], loadeds: list[list[float]]) -> tuple[Figure, ...]:
    """Figures of the samples, in ms, by repetition."""

    def of(kind: list[list[float]], percent: float) -> tuple[float, ...]:
        return tuple(percentile(values, percent) for values in kind)

    fewest = min(len(loaded) for loaded in loadeds)
    ratio = quotients(of(loadeds, 95), of(idles, 95))
    name = f"{SMALL} numbers"
    return (
        Figure(f"{name}, p95 under load over p95 idle", "x", ratio, fewest, goals.LOADED_P95_OVER_IDLE),
        Figure(f"{name} under load, p50", "ms", of(loadeds, 50), fewest),
        Figure(f"{name} under load, p95", "ms", of(loadeds, 95), fewest),
        Figure(f"{name} under load, slowest", "ms", of(loadeds, 100), fewest),
        Figure(f"{name} idle, p50", "ms", of(idles, 50), sizes.samples),
        Figure(f"{name} idle, p95", "ms", of(idles, 95), sizes.samples),
    )


def _title(sizes: Sizes) -> str:
    return f"{SMALL} numbers while another user's {sizes.million:,} are made"


PART = Part("mixed", _title, lambda sizes, repeat: 2 * sizes.samples * repeat, measure)
