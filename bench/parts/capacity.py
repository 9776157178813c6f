"""capacity: how long POST /api/capacity/ takes for the whole country, and how old its figures are."""

import asyncio
import itertools
import json
import time
import urllib.request
from typing import Any

from bench import goals
from bench.errors import BenchError
from bench.part import SETTLE_SECONDS, Bench, Measured, Part
from bench.results import Figure
from bench.sizes import SMALL, Sizes
from bench.stats import percentile
from pipeline.settings import Settings
from pipeline.tokens import TokenRules, sign

USER = "bench-capacity"
AREA_CODE = "415"
FILTERS = {"states": ["CA", "TX"], "carriers": ["verizon"], "line_types": ["wireless"]}
MOST_SECONDS = 30.0
CALLS_A_USER = 500

METHOD = (
    "Each sample is one call, connection included, from before it is sent until its answer is parsed; the whole "
    "country is the body {}, all 443 area codes in the answer.",
    f"Told after: a task of {SMALL} numbers; from receiving its `task_completed` until a call for its area code "
    "counts its numbers as given out, asked every 5 ms.",
)


async def measure(bench: Bench) -> Measured:
    """Calls for the country, calls with filters, tasks; and again."""
    country: list[list[float]] = []
    filtered: list[list[float]] = []
    told: list[list[float]] = []
    ask = Asking(bench.system.settings)
    async with bench.load.client(USER) as client:
        await bench.load.one(client, USER, SMALL, [AREA_CODE])
        for _ in range(bench.repeat):
            country.append([await ask.milliseconds({}) for _ in range(bench.sizes.samples)])
            filtered.append([await ask.milliseconds(FILTERS) for _ in range(bench.sizes.samples)])
            told.append([])
            for _ in range(bench.sizes.samples // 10 + 1):
                await asyncio.sleep(SETTLE_SECONDS)
                await ask.settled()
                before = await ask.used()
                await bench.load.one(client, USER, SMALL, [AREA_CODE])
                told[-1].append(await ask.until_used(before + SMALL))
            bench.advance()

    def of(kind: list[list[float]], percent: float) -> tuple[float, ...]:
        return tuple(percentile(values, percent) for values in kind)

    samples = bench.sizes.samples
    return Measured(
        (
            Figure("whole country, p95", "ms", of(country, 95), samples, goals.CAPACITY_MILLISECONDS),
            Figure(
                "told after task_completed, slowest", "ms", of(told, 100), len(told[0]), goals.TOLD_MILLISECONDS
            ),
            Figure("whole country, p50", "ms", of(country, 50), samples),
            Figure("whole country, slowest", "ms", of(country, 100), samples),
            Figure("states, carrier and line type, p50", "ms", of(filtered, 50), samples),
            Figure("told after task_completed, p50", "ms", of(told, 50), len(told[0])),
        ),
        METHOD,
    )


class Asking:
    """Calls, each of CALLS_A_USER by another user: one has so many a minute."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"http://127.0.0.1:{settings.http_port}/api/capacity/"
        self._rules, self._calls = TokenRules.of(settings), itertools.count()

    async def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the gateway says."""
        return await asyncio.to_thread(self._answer, body)

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        token = sign(self._rules, f"{USER}-{next(self._calls) // CALLS_A_USER}", time.time())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            found: dict[str, Any] = json.loads(response.read())
        return found

    async def milliseconds(self, body: dict[str, Any]) -> float:
        """How long one call takes."""
        started = time.perf_counter()
        await self.answer(body)
        return (time.perf_counter() - started) * 1000

    async def used(self) -> int:
        """Numbers of the area code that are given out, as far as the gateway knows."""
        return int((await self.answer({"area_code": AREA_CODE}))["total"]["used"])

    async def settled(self) -> None:
        """Return when what was told has not changed for a second."""
        before = -1
        while (now := await self.used()) != before:
            before = now
            await asyncio.sleep(1)

    async def until_used(self, count: int) -> float:
        """Milliseconds until so many are told of.  Raises BenchError."""
        started = time.perf_counter()
        while await self.used() < count:
            if time.perf_counter() - started > MOST_SECONDS:
                raise BenchError(f"{count} numbers were not told of within {MOST_SECONDS:g} s")
            await asyncio.sleep(0.005)
        return (time.perf_counter() - started) * 1000


def _title(sizes: Sizes) -> str:
    return "capacity over HTTP"


PART = Part("capacity", _title, lambda sizes, repeat: repeat, measure)
