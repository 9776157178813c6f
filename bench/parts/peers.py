"""peers: the same request by other ways, each into its own tables on the same PostgreSQL, in turns with ours."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench import goals
from bench.apart import versions
from bench.part import Bench, Measured, Part
from bench.peers import sql
from bench.peers.process import program
from bench.peers.tables import NARROW, WIDE, Tables, tables
from bench.results import Figure, Way
from bench.sizes import MILLION_AREA_CODES, Sizes
from bench.stats import quotients

USER = "bench-peers"
OURS = "numberline"
DJANGO = "Django, Celery, bulk_create"
FAKER = "Faker unique, COPY"
SQL_WIDE, SQL_NARROW = "SQL, Django's table", "SQL, narrow table"
QUIX = "Quix Streams"
LIBRARIES = ("django", "celery", "faker", "quixstreams", "psycopg")
WARM_UP = 1_000  # numbers of each way before anything is timed

METHOD = (
    "One request: so many numbers over 8 area codes. Each way runs alone, in turns, once a size and repetition, "
    "after a small request as a warm-up; timed from its submission until all its rows are committed and it has "
    "said so. Then the suite counts distinct numbers. Ours: from before the request is produced on Kafka until "
    "`task_completed` on the WebSocket. A ratio is to ours of the same repetition; the floor of ours is in the "
    "part million.",
    "The others begin with empty tables each time, ours with all that it has given out before. Before each the "
    "server writes a checkpoint. All draw from the same thousands blocks, in one process.",
    "Django: a web side makes the task's row and calls a Celery task; a worker draws numbers and stores them by "
    "bulk_create(ignore_conflicts=True, batch_size=5000), psycopg 3. Celery's messages and results are files, "
    "looked for every 10 ms. It reports what bulk_create returns, which counts what was ignored. Its table has "
    "15 columns, and as indexes: primary key, unique number (two, as Django makes them), foreign key, user and "
    "time, and each filter of GET /api/numbers/: area code, state, carrier, line type, validity, project.",
    "Faker: fake.unique.numerify for each number, one COPY, into the Django service's table.",
    "SQL: INSERT ... SELECT of generate_series and random() joined to the blocks, ON CONFLICT DO NOTHING, again "
    "for what is missing until none is, in one transaction; into the Django service's table, and into a table "
    "made by CREATE TABLE ... (LIKE numbers INCLUDING ALL). No queue, no progress, no start from where it was.",
    "Quix Streams: requests, batches of 10,000 keyed by area code, drawn against RocksDB state, joined, and sunk "
    "into a table like `numbers` by binary COPY; processing_guarantee exactly-once, a marker a batch in "
    "PostgreSQL, a commit every 0.1 s. It is over when the sink's count in PostgreSQL is complete, looked for "
    "every 10 ms.",
)

Generate = Callable[[int], Awaitable[int]]


@dataclass(frozen=True)
class Peer:
    """A way other than ours. table: where its numbers are.

    open: a program that is ready, as a function from a quantity to the numbers that it reports.
    """

    name: str
    table: str
    open: Callable[[Bench], AbstractAsyncContextManager[Generate]]


@dataclass
class Times:
    """A way at one size, as far as it is measured."""

    seconds: list[float] = field(default_factory=list)
    reported: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)

    def add(self, seconds: float, reported: int, stored: int) -> None:
        """A repetition."""
        self.seconds.append(seconds)
        self.reported.append(reported)
        self.stored.append(stored)


def _program(module: str) -> Callable[[Bench], AbstractAsyncContextManager[Generate]]:
    """One of the programs apart, with an empty directory of its own."""

    @asynccontextmanager
    async def opened(bench: Bench) -> AsyncIterator[Generate]:
        settings = bench.system.settings
        with tempfile.TemporaryDirectory(prefix="peer-", dir=settings.state_dir) as state:
            kafka = settings.kafka_bootstrap_servers
            async with program(module, bench.system.database_url, kafka, Path(state)) as running:
                yield lambda quantity: running.generate(quantity, MILLION_AREA_CODES)

    return opened


def _statement(
    generate: Callable[[psycopg.Connection[Any], int, Sequence[str]], int],
) -> Callable[[Bench], AbstractAsyncContextManager[Generate]]:
    """One of the SQL ways, on a connection of its own."""

    @asynccontextmanager
    async def opened(bench: Bench) -> AsyncIterator[Generate]:
        with psycopg.connect(bench.system.database_url, autocommit=True) as connection:
            yield lambda quantity: asyncio.to_thread(generate, connection, quantity, MILLION_AREA_CODES)

    return opened


PEERS = (
    Peer(DJANGO, WIDE, _program("django_service.web")),
    Peer(FAKER, WIDE, _program("faker_copy")),
    Peer(SQL_WIDE, WIDE, _statement(sql.generate_wide)),
    Peer(SQL_NARROW, NARROW, _statement(sql.generate_narrow)),
    Peer(QUIX, NARROW, _program("quix_pipeline")),
)


async def measure(bench: Bench) -> Measured:
    """Every size by every way, and again."""
    sizes = bench.sizes.peers
    found = {(name, size): Times() for size in sizes for name in (OURS, *(peer.name for peer in PEERS))}
    with tables(bench.system.database_url, MILLION_AREA_CODES) as own:
        for _ in range(bench.repeat):
            await _ours(bench, own, found)
            for peer in PEERS:
                async with peer.open(bench) as generate:
                    await asyncio.to_thread(own.empty)  # of the way before: Faker cannot know what is there
                    await generate(min(WARM_UP, *sizes))
                    for size in sizes:
                        await asyncio.to_thread(own.empty)
                        started = time.perf_counter()
                        reported = await generate(size)
                        seconds = time.perf_counter() - started
                        stored = await asyncio.to_thread(own.count, peer.table)
                        found[peer.name, size].add(seconds, reported, stored)
                        bench.advance()
    ways = (
        Way(name, size, tuple(times.seconds), tuple(times.reported), tuple(times.stored))
        for (name, size), times in found.items()
    )
    installed = versions("peers")
    method = (*METHOD, f"Versions: {', '.join(f'{name} {installed[name]}' for name in LIBRARIES)}.")
    return Measured(tuple(_figures(sizes, found)), method, tuple(ways))


async def _ours(bench: Bench, own: Tables, found: dict[tuple[str, int], Times]) -> None:
    async with bench.load.client(USER) as client:
        await bench.load.one(client, USER, WARM_UP, MILLION_AREA_CODES)
        for size in bench.sizes.peers:
            await asyncio.to_thread(own.settle)
            await bench.system.quiet()
            task = await bench.load.one(client, USER, size, MILLION_AREA_CODES)
            stored = await asyncio.to_thread(own.count_ours, task.task_id)
            found[OURS, size].add(task.seconds, task.reported, stored)
            bench.advance()


def _figures(sizes: Sequence[int], found: dict[tuple[str, int], Times]) -> Iterator[Figure]:
    """What each way takes over what ours takes; the sizes from the largest on."""
    million, hundred_thousand, ten_thousand = sizes
    limits = {
        (DJANGO, million): goals.DJANGO_OVER_OURS,
        (DJANGO, hundred_thousand): goals.DJANGO_OVER_OURS,
        (DJANGO, ten_thousand): goals.DJANGO_OVER_OURS_SMALL,
        (SQL_WIDE, million): goals.SQL_OVER_OURS,
    }
    for peer in PEERS:
        for size in sizes:
            ratios = quotients(found[peer.name, size].seconds, found[OURS, size].seconds)
            goal = limits.get((peer.name, size))
            yield Figure(f"{peer.name}, {size:,}, over ours", "x", ratios, goal=goal, at_least=goal is not None)


def _title(sizes: Sizes) -> str:
    return f"{', '.join(f'{size:,}' for size in sizes.peers)} numbers by other ways"


def _steps(sizes: Sizes, repeat: int) -> int:
    return (1 + len(PEERS)) * len(sizes.peers) * repeat


PART = Part("peers", _title, _steps, measure, apart="peers")
