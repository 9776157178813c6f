"""resources: processor time and bytes by component, of a million numbers and of the smallest tasks."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from bench import procfs
from bench.errors import BenchError
from bench.floors.copy import CopyFloor
from bench.load import Load
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import MILLION_AREA_CODES, SMALL, Sizes
from bench.stats import median, quotients
from bench.system import COMPONENTS, POSTGRESQL, WORKER, System, installed_beside
from bench.worker import METERED, STEP_PROCESSOR_SECONDS
from numberline.client import Client

NAMESPACE = "numberline-bench-resources"
USER = "bench-resources"
WARM_UP = 1_000
WROTE, WAL = "broker wrote", "WAL"
COMMIT, COMMITS = "durable commit of one row", "bench_commits"
HEAP, INDEXES, OTHERS = "table numbers", "indexes of numbers", "all other tables"
TOPICS = 8  # the largest ones are shown
STEPS = ("intake", "coordinate", "allocate", "enrich", "store")
ROW_BYTES = 16  # number 8, batch 4, row of the prefix data 4: what a row holds
SPREAD = 32  # batches of a task over as many area codes
# of about one size, so that a task of SPREAD x SMALL numbers takes a batch of SMALL from each
SPREAD_AREA_CODES = (
    *(
        "204",
        "226",
        "236",
        "250",
        "289",
        "306",
        "365",
        "403",
        "416",
        "418",
        "450",
        "470",
        "506",
        "514",
        "519",
        "581",
    ),
    *(
        "587",
        "604",
        "613",
        "639",
        "647",
        "705",
        "778",
        "780",
        "787",
        "809",
        "819",
        "825",
        "829",
        "876",
        "902",
        "905",
    ),
)
RELATIONS = """
SELECT coalesce(sum(pg_relation_size(oid)) FILTER (WHERE relname = 'numbers'), 0)::bigint,
       coalesce(sum(pg_indexes_size(oid)) FILTER (WHERE relname = 'numbers'), 0)::bigint,
       coalesce(sum(pg_total_relation_size(oid)) FILTER (WHERE relname <> 'numbers'), 0)::bigint
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

METHOD = (
    "An installation of its own, whose worker tells the processor time of each step (`bench/worker.py`). Processor "
    "time: of the processes, as /proc has it, PostgreSQL with its sessions; from before the request is produced, "
    "on a quiet system, until `task_completed` is received. Worker, all else: what is in no step, that is Faust, "
    "the Kafka clients, the event loop and the projection of tasks.",
    "Kafka produced: growth of the topics' log files. Kafka sent: all that the broker wrote, less that growth: "
    "what consumers fetched, and answers. WAL: pg_current_wal_insert_lsn. Disk: growth of relations.",
    "The least: one bare COPY of the task's very rows into an empty table with the same indexes, as in the part "
    f"million, with PostgreSQL's processor time and WAL; and {ROW_BYTES} bytes a number: what a row holds.",
    f"A small task: {SMALL} numbers of one area code, one task after the other. {SPREAD} small batches: a task "
    f"of {SPREAD * SMALL:,} numbers over as many area codes, so that each gives a batch of {SMALL}. Both in "
    "processor time by component; what a larger installation carries rests on them.",
)

Reading = dict[str, float]
Connection = psycopg.Connection[tuple[Any, ...]]


async def measure(bench: Bench) -> Measured:
    """A million, the COPY of its rows, small tasks, spread tasks; and again."""
    if not procfs.available():
        raise BenchError("the part resources reads /proc, which this system does not have: leave it out by --part")
    found: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        beside = installed_beside(bench.system, NAMESPACE, ("bench.worker", METERED))
        system = await asyncio.to_thread(stack.enter_context, beside)
        load = Load(system.settings)
        async with load.client(USER) as client:
            connection = stack.enter_context(psycopg.connect(system.database_url, autocommit=True))
            measured = Measuring(bench, system, load, client, connection)
            await measured.warm_up()
            for _ in range(bench.repeat):
                for name, value in (await measured.repetition()).items():
                    found.setdefault(name, []).append(value)
                bench.advance()
        system.check()
        if disagreeing := load.settle().disagreeing:
            raise BenchError(f"PostgreSQL does not hold what was reported: tasks {', '.join(disagreeing)}")
    return Measured(_figures(found, bench.sizes), METHOD)


class Measuring:
    """One system and what is measured of it."""

    def __init__(self, bench: Bench, system: System, load: Load, client: Client, connection: Connection) -> None:
        self._bench, self._system, self._load, self._client = bench, system, load, client
        self._connection = connection

    async def warm_up(self) -> None:
        """Every area code once."""
        await self._load.one(self._client, USER, SPREAD * SMALL, SPREAD_AREA_CODES)
        quantity = min(self._bench.sizes.million, WARM_UP * len(MILLION_AREA_CODES))
        await self._load.one(self._client, USER, quantity, MILLION_AREA_CODES)

    async def repetition(self) -> Reading:
        """Of a million: seconds and bytes by component; the least; seconds of the small ones by component."""
        sizes, million = self._bench.sizes, self._bench.sizes.million / 1e6
        task, spent = await self._spent([sizes.million], MILLION_AREA_CODES)
        found = {name: value / million for name, value in spent.items()}
        with CopyFloor(self._system.database_url) as floor:
            rows = floor.rows_of(task)
            before = self._reading()
            floor.seconds(rows, sizes.million, indexes=True)
            least = _difference(self._reading(), before)
        found |= {f"COPY {name}": least[name] / million for name in (POSTGRESQL, WAL)}
        for kind, quantities, codes in (
            ("small", [SMALL] * sizes.samples, SPREAD_AREA_CODES[:1]),
            ("spread", [SMALL * SPREAD] * max(1, sizes.samples // 10), SPREAD_AREA_CODES),
        ):
            _, spent = await self._spent(quantities, codes)
            found |= {f"{kind} {name}": spent[name] / len(quantities) for name in COMPONENTS}
        return found | {COMMIT: self._commit()}

    def _commit(self) -> float:
        """Seconds until one row is durable."""
        self._connection.execute(f"CREATE TABLE {COMMITS} (row int)".encode())
        times = []
        for row in range(self._bench.sizes.samples):
            started = time.perf_counter()
            self._connection.execute(f"INSERT INTO {COMMITS} VALUES (%s)".encode(), (row,))
            times.append(time.perf_counter() - started)
        self._connection.execute(f"DROP TABLE {COMMITS}".encode())
        return median(times)

    async def _spent(self, quantities: Sequence[int], codes: Sequence[str]) -> tuple[str, Reading]:
        """The last of tasks that run one after the other, and what all took."""
        await self._system.quiet()
        before = self._reading()
        for quantity in quantities:
            task = await self._load.one(self._client, USER, quantity, codes)
        return task.task_id, _difference(self._reading(), before)

    def _reading(self) -> Reading:
        """All counters as they are now: seconds and bytes."""
        system = self._system
        found = system.processor_seconds() | {WROTE: float(procfs.written_bytes(system.kafka.pid))}
        steps = system.by_step(f"{STEP_PROCESSOR_SECONDS}_total")
        found |= {f"step {step}": steps.get(step, 0.0) for step in STEPS}
        for log in system.kafka.data.glob(f"{NAMESPACE}*/*.log"):
            topic = log.parent.name.rpartition("-")[0].removeprefix(NAMESPACE)[1:]
            found[f"topic {topic}"] = found.get(f"topic {topic}", 0.0) + log.stat().st_size
        lsn = self._connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        sizes = self._connection.execute(RELATIONS).fetchone()
        assert lsn
        assert sizes
        return found | {WAL: float(lsn[0])} | dict(zip((HEAP, INDEXES, OTHERS), map(float, sizes), strict=True))


def _difference(after: Reading, before: Reading) -> Reading:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def _figures(found: dict[str, list[float]], sizes: Sizes) -> tuple[Figure, ...]:
    topics = [name for name in found if name.startswith("topic ")]
    produced = [sum(values) for values in zip(*(found[name] for name in topics), strict=True)]
    sent = [wrote - grown for wrote, grown in zip(found[WROTE], produced, strict=True)]
    all_cpu = [sum(values) for values in zip(*(found[name] for name in COMPONENTS), strict=True)]
    steps = [sum(values) for values in zip(*(found[f"step {step}"] for step in STEPS), strict=True)]
    rest = [whole - own for whole, own in zip(found[WORKER], steps, strict=True)]
    copy_cpu, copy_wal = found[f"COPY {POSTGRESQL}"], found[f"COPY {WAL}"]
    rows = [ROW_BYTES * 1e6] * len(produced)
    disk = [sum(values) for values in zip(found[HEAP], found[INDEXES], found[OTHERS], strict=True)]

    def of(name: str, values: Sequence[float], unit: str, each: float = 1.0) -> Figure:
        return Figure(name, unit, tuple(value / each for value in values))

    large = sorted(topics, key=lambda name: -sum(found[name]))[:TOPICS]
    kinds = (("small", "a small task", sizes.samples), ("spread", f"{SPREAD} small batches", sizes.samples // 10))
    return (
        of("all processor time over that of COPY", quotients(all_cpu, copy_cpu), "x"),
        of("PostgreSQL's processor time over that of COPY", quotients(found[POSTGRESQL], copy_cpu), "x"),
        of("WAL over that of COPY", quotients(found[WAL], copy_wal), "x"),
        of("Kafka produced over what rows hold", quotients(produced, rows), "x"),
        of("Kafka sent over produced", quotients(sent, produced), "x"),
        of("PostgreSQL's disk over what rows hold", quotients(disk, rows), "x"),
        *(of(f"processor time a million: {name}", found[name], "s") for name in COMPONENTS),
        *(of(f"processor time a million: worker, step {step}", found[f"step {step}"], "s") for step in STEPS),
        of("processor time a million: worker, all else", rest, "s"),
        of("processor time a million: COPY in PostgreSQL", copy_cpu, "s"),
        of("bytes a million: Kafka produced", produced, "MB", 1e6),
        *(of(f"bytes a million: {name}", found[name], "MB", 1e6) for name in large),
        of("bytes a million: Kafka sent", sent, "MB", 1e6),
        of("bytes a million: WAL", found[WAL], "MB", 1e6),
        of("bytes a million: WAL of COPY", copy_wal, "MB", 1e6),
        of(f"bytes a million: {HEAP}", found[HEAP], "MB", 1e6),
        of(f"bytes a million: {INDEXES}", found[INDEXES], "MB", 1e6),
        of(f"bytes a million: {OTHERS}", found[OTHERS], "MB", 1e6),
        Figure(COMMIT, "ms", tuple(1e3 * value for value in found[COMMIT]), sizes.samples),
        *(
            Figure(f"processor time of {title}: {name}", "ms", tuple(1e3 * v for v in found[f"{kind} {name}"]), of_)
            for kind, title, of_ in kinds
            for name in COMPONENTS
        ),
    )


def _title(sizes: Sizes) -> str:
    return f"where processor time and bytes of {sizes.million:,} numbers go"


PART = Part("resources", _title, lambda sizes, repeat: repeat, measure)
