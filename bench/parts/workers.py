"""workers: one to four worker processes on what they do themselves, and one and two with PostgreSQL behind them."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from bench import goals, procfs
from bench.errors import BenchError
from bench.load import Load
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import LATENCY_AREA_CODES, MILLION_AREA_CODES, MORE_AREA_CODES, WIDE_AREA_CODES, Sizes
from bench.stats import quotients
from bench.system import COMPONENTS, PRODUCT, WORKER, System, installed_beside, worker_beside
from bench.worker import COUNTING
from numberline.client import Client
from numberline.database import installed_partitions
from schemas.partitions import partition_for

NAMESPACE = "numberline-bench-workers"
PARTITIONS = 12  # shared evenly by one to four workers
TASKS = 12
AREA_CODES = 24
LARGEST = "SELECT area_code::text FROM prefixes GROUP BY 1 ORDER BY sum(bit_count(blocks::int::bit(16))) DESC, 1"

METHOD = (
    f"{TASKS} tasks of {TASKS} users at once, 3,000,000 numbers in all, over the largest area codes, equally many "
    "of each partition; timed from before the first request until the last `task_completed`. One worker first, "
    "then one more beside it, and so on; after each start the same once unmeasured.",
    f"Counted: an installation of {PARTITIONS} partitions whose step store counts what it is given and writes no "
    "row (`bench/worker.py`), so that the account of the part has none of them; what is reported is compared with "
    "what was asked for. Stored: the installation of the other parts, with the product's worker as it is.",
    "n times their time over one worker's is 1 where nothing is lost, and its goal 1.25 is an efficiency of 0.8; "
    "judged up to the processors there are. Broker, gateway and the suite's clients share these processors, so a "
    "second worker cannot have what they use: `processors in use` is all processor time over the time that passed.",
    "Processor time is that of the processes, whoever waits for a processor meanwhile: what the workers' grows by "
    "is what several cost beyond one. What a larger installation carries rests on it.",
)


@dataclass
class Times:
    """Of one number of workers, a value a repetition, in seconds. processor: of each of COMPONENTS."""

    seconds: list[float] = field(default_factory=list)
    processor: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in COMPONENTS})

    @property
    def all_processor(self) -> list[float]:
        """Of everything."""
        return [sum(values) for values in zip(*self.processor.values(), strict=True)]


async def measure(bench: Bench) -> Measured:
    """Counted by ever more workers, then stored by one and by two."""
    if not procfs.available():
        raise BenchError("the part workers reads /proc, which this system does not have: leave it out by --part")
    kind = ("bench.worker", COUNTING)
    with contextlib.ExitStack() as stack:
        beside = installed_beside(bench.system, NAMESPACE, kind, PARTITIONS)
        counting = await asyncio.to_thread(stack.enter_context, beside)
        load = Load(counting.settings)
        counted = await _series(bench, counting, load, bench.sizes.most_workers, kind)
        counting.check()
    stored = await _series(bench, bench.system, bench.load, 2, PRODUCT)
    numbers = _each(bench) * TASKS
    return Measured((*_figures("counted", counted, numbers), *_figures("stored", stored, numbers)), METHOD)


async def _series(bench: Bench, system: System, load: Load, most: int, kind: tuple[str, str]) -> list[Times]:
    """One worker, two, ... up to `most`."""
    codes = even(_largest(system), installed_partitions(system.settings))
    found = []
    async with contextlib.AsyncExitStack() as clients:
        names = [f"bench-workers-{number}" for number in range(TASKS)]
        users = {name: await clients.enter_async_context(load.client(name)) for name in names}
        with contextlib.ExitStack() as workers:
            for count in range(1, most + 1):
                if count > 1:
                    await asyncio.to_thread(workers.enter_context, worker_beside(system, kind))
                found.append(await _times(bench, system, load, users, codes))
    return found


async def _times(bench: Bench, system: System, load: Load, users: dict[str, Client], codes: Sequence[str]) -> Times:
    found = Times()
    await _all(bench, load, users, codes)
    for _ in range(bench.repeat):
        await system.quiet()
        before, started = system.processor_seconds(), time.perf_counter()
        await _all(bench, load, users, codes)
        found.seconds.append(time.perf_counter() - started)
        for name, after in system.processor_seconds().items():
            found.processor[name].append(after - before[name])
        bench.advance()
    return found


async def _all(bench: Bench, load: Load, users: dict[str, Client], codes: Sequence[str]) -> None:
    """One task of each user.  Raises BenchError where one reports other than was asked for."""
    each = _each(bench)
    done = await asyncio.gather(*(load.one(client, user, each, codes) for user, client in users.items()))
    if any(task.reported != each for task in done):
        raise BenchError("a task reported another count than was asked for")


def _each(bench: Bench) -> int:
    return max(AREA_CODES, bench.sizes.million // 4)


def even(codes: Sequence[str], partitions: int) -> list[str]:
    """The first of these area codes, AREA_CODES in all, of which each partition has equally many."""
    by_partition: list[list[str]] = [[] for _ in range(partitions)]
    for code in codes:
        by_partition[partition_for(code, partitions)].append(code)
    return [code for own in by_partition for code in own[: AREA_CODES // partitions]]


def _largest(system: System) -> list[str]:
    """Area codes of which no other part draws, those with the most numbers first."""
    with psycopg.connect(system.database_url) as connection:
        codes = [code for (code,) in connection.execute(LARGEST)]
    others = {*MILLION_AREA_CODES, *MORE_AREA_CODES, *LATENCY_AREA_CODES, *WIDE_AREA_CODES}
    return [code for code in codes if code not in others]


def _figures(kind: str, series: list[Times], numbers: int) -> list[Figure]:
    one, processors = series[0], os.cpu_count() or 1
    found = []
    for count, times in enumerate(series, 1):
        name = f"{kind}, {count} worker" + ("s" if count > 1 else "")
        if count > 1:
            ratio = tuple(count * value for value in quotients(times.seconds, one.seconds))
            judged = goals.WORKERS if kind == "counted" and count <= processors else None
            found.append(Figure(f"{name}, {count} x their time over one's", "x", ratio, goal=judged))
            grown = quotients(times.processor[WORKER], one.processor[WORKER])
            found.append(Figure(f"{name}, their processor time over one's", "x", grown))
        found += [
            Figure(f"{name}, numbers a second", "/s", tuple(numbers / seconds for seconds in times.seconds)),
            Figure(f"{name}, processors in use", "", quotients(times.all_processor, times.seconds)),
            *(
                Figure(f"{name}, processor time a million: {of}", "s", tuple(s * 1e6 / numbers for s in values))
                for of, values in times.processor.items()
            ),
        ]
    return found


def _title(sizes: Sizes) -> str:
    return f"1 to {sizes.most_workers} workers, batches counted; 1 and 2, batches stored"


PART = Part("workers", _title, lambda sizes, repeat: repeat * (sizes.most_workers + 2), measure)
