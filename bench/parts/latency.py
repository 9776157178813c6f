"""latency: small tasks on an idle system, against one produce-and-consume round trip on its broker."""

import asyncio
import random

from bench import goals
from bench.floors.round_trip import RoundTrip
from bench.part import SETTLE_SECONDS, Bench, Measured, Part
from bench.results import Figure
from bench.sizes import SMALL, Sizes
from bench.stats import percentile, quotients

USER = "bench-latency"
MIDDLE_AREA_CODES = 2

METHOD = (
    "Each sample is one task or one round trip, with nothing else under way; the three kinds take turns, with "
    f"{SETTLE_SECONDS * 1000:.0f} ms between. A task is timed from before its request is produced until "
    "`task_completed` is received.",
    "A round trip: one message of 150 bytes is produced with acks=all and consumed by a consumer that waits on "
    "its topic, timed until it is both acknowledged and consumed. Same broker, same client library.",
    "A small task has one area code, drawn at random from a list of which each was used once before; those "
    "first uses are the figure `first touch`. A middle task has two.",
    "Percentiles are of the samples of a repetition, by nearest rank; a ratio is to the p50 of the round trips "
    "of the same repetition.",
)


async def measure(bench: Bench) -> Measured:
    """Every area code once; then round trip, small task, middle task, and again."""
    codes, picks = bench.sizes.latency_area_codes, random.Random(20260901)
    cold, trips, smalls, middles = [], [], [], []
    async with bench.load.client(USER) as client, RoundTrip.open(bench.system.settings) as round_trip:
        for code in codes:
            cold.append((await bench.load.one(client, USER, SMALL, [code])).seconds * 1000)
            await asyncio.sleep(SETTLE_SECONDS)
        await round_trip.seconds()  # the first one brings the topic's metadata
        for _ in range(bench.repeat):
            trip, small, middle = [], [], []
            for _ in range(bench.sizes.samples):
                await asyncio.sleep(SETTLE_SECONDS)
                trip.append(await round_trip.seconds() * 1000)
                await asyncio.sleep(SETTLE_SECONDS)
                task = await bench.load.one(client, USER, SMALL, [picks.choice(codes)])
                small.append(task.seconds * 1000)
                await asyncio.sleep(SETTLE_SECONDS)
                two = picks.sample(codes, MIDDLE_AREA_CODES)
                middle.append((await bench.load.one(client, USER, bench.sizes.middle, two)).seconds * 1000)
                bench.advance()
            trips.append(trip)
            smalls.append(small)
            middles.append(middle)
    return Measured(_figures(bench.sizes, cold, trips, smalls, middles), METHOD)


def _figures(
    sizes: Sizes,
    cold: list[float],
    trips: list[list[float]],
    smalls: list[list[float]],
    middles: list[list[float]],
) -> tuple[Figure, ...]:
    """Figures of the samples, in ms, by repetition."""

    def of(kind: list[list[float]], percent: float) -> tuple[float, ...]:
        return tuple(percentile(values, percent) for values in kind)

    trip, samples = of(trips, 50), sizes.samples
    small, middle = f"{SMALL} numbers", f"{sizes.middle:,} numbers over {MIDDLE_AREA_CODES} area codes"

    def ratio(name: str, kind: list[list[float]], percent: float, goal: float | None) -> Figure:
        return Figure(f"{name}, over a round trip", "x", quotients(of(kind, percent), trip), samples, goal)

    return (
        ratio(f"{small}, p50", smalls, 50, goals.SMALL_P50_OVER_ROUND_TRIP),
        ratio(f"{small}, p95", smalls, 95, goals.SMALL_P95_OVER_ROUND_TRIP),
        ratio(f"{middle}, p95", middles, 95, goals.MIDDLE_P95_OVER_ROUND_TRIP),
        Figure("round trip, p50", "ms", trip, samples),
        Figure("round trip, p95", "ms", of(trips, 95), samples),
        Figure(f"{small}, p50", "ms", of(smalls, 50), samples),
        Figure(f"{small}, p95", "ms", of(smalls, 95), samples),
        Figure(f"{small}, slowest", "ms", of(smalls, 100), samples),
        Figure(f"{middle}, p50", "ms", of(middles, 50), samples),
        Figure(f"{middle}, p95", "ms", of(middles, 95), samples),
        Figure(f"{small}, first touch of an area code, p50", "ms", (percentile(cold, 50),), len(cold)),
        Figure(f"{small}, first touch of an area code, slowest", "ms", (max(cold),), len(cold)),
    )


def _title(sizes: Sizes) -> str:
    return f"{SMALL} and {sizes.middle:,} numbers on an idle system"


PART = Part("latency", _title, lambda sizes, repeat: sizes.samples * repeat, measure)
