"""million: one large task, against one bare COPY of the very rows that it delivered."""

from bench import goals, procfs
from bench.floors.copy import CopyFloor
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import MILLION_AREA_CODES, Sizes
from bench.stats import quotients

USER = "bench-million"
STEPS = ("intake", "coordinate", "allocate", "enrich", "store", "project")  # as in a request's way
WARM_UP = 1_000  # numbers for each area code, so that the worker knows them all

METHOD = (
    "A task is timed from before its request is produced on Kafka until `task_completed` is received on the "
    "WebSocket; by then every number is committed in PostgreSQL.",
    "After each task its rows are read back into memory as binary COPY data, in the order of delivery, and "
    "written by one connection in one transaction into an empty table made by CREATE TABLE ... (LIKE numbers "
    "INCLUDING ALL); COPY and commit are timed. Then the same into a table without any index. Both with the "
    "server's settings as they are: commits are durable.",
    "The task writes to the table `numbers` as it has grown by then, through two connections; the COPY to an "
    "empty one, through one.",
    "The steps of the worker overlap and wait on each other: their times are for finding where it goes, and "
    "do not add up to the task's.",
)


async def measure(bench: Bench) -> Measured:
    """Task, COPY, COPY without indexes; and again."""
    tasks, copies, bare_copies, cpu = [], [], [], []
    quantity, worker = bench.sizes.million, bench.system.worker
    async with bench.load.client(USER) as client:
        await bench.load.one(client, USER, min(quantity, WARM_UP * len(MILLION_AREA_CODES)), MILLION_AREA_CODES)
    before = bench.system.step_seconds()
    for _ in range(bench.repeat):
        await bench.system.quiet()
        async with bench.load.client(USER) as client:
            cpu_before = _cpu_seconds(worker.pid)
            task = await bench.load.one(client, USER, quantity, MILLION_AREA_CODES)
            cpu.append(_cpu_seconds(worker.pid) - cpu_before)
        tasks.append(task.seconds)
        bench.advance()
        with CopyFloor(bench.system.database_url) as floor:
            rows = floor.rows_of(task.task_id)
            copies.append(floor.seconds(rows, quantity, indexes=True))
            bare_copies.append(floor.seconds(rows, quantity, indexes=False))
        bench.advance()
    return Measured(
        (
            Figure("task over COPY", "x", quotients(tasks, copies), goal=goals.MILLION_OVER_COPY),
            Figure("task over COPY without indexes", "x", quotients(tasks, bare_copies)),
            Figure("task", "s", tuple(tasks)),
            Figure("COPY of its rows, same indexes", "s", tuple(copies)),
            Figure("COPY of its rows, no indexes", "s", tuple(bare_copies)),
            Figure("numbers a second", "/s", tuple(quantity / seconds for seconds in tasks)),
            *([Figure("worker's processor time", "s", tuple(cpu))] if procfs.available() else []),
            *_steps(before, bench.system.step_seconds()),
        ),
        METHOD,
    )


def _cpu_seconds(pid: int) -> float:
    return procfs.cpu_seconds(pid) if procfs.available() else 0.0


def _steps(before: dict[str, tuple[int, float]], after: dict[str, tuple[int, float]]) -> list[Figure]:
    """Mean time of a record in each step, over all repetitions, out of the worker's own metrics."""
    found = []
    for step in STEPS:
        records, seconds = after.get(step, (0, 0.0))
        records_before, seconds_before = before.get(step, (0, 0.0))
        if more := records - records_before:
            mean = (seconds - seconds_before) / more * 1000
            found.append(Figure(f"step {step}, a record", "ms", (mean,), samples=more))
    return found


def _title(sizes: Sizes) -> str:
    return f"{sizes.million:,} numbers over {len(MILLION_AREA_CODES)} area codes"


PART = Part("million", _title, lambda sizes, repeat: 2 * repeat, measure)
