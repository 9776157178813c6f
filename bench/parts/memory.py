"""memory: what one worker holds once ten million numbers are given out over the whole country."""

import time

from bench import goals, procfs
from bench.errors import BenchError
from bench.part import Bench, Measured, Part
from bench.results import Figure
from bench.sizes import Sizes

USER = "bench-memory"

METHOD = (
    "All tasks are submitted at once, without any filter, so that their numbers come from every area code. The "
    "worker is the one that ran the parts before, and its memory includes what they left. Measured once: memory "
    "does not go back.",
    "Resident: VmRSS of the worker's process when the last task has ended. Peak: its VmHWM, the most since it "
    "was started. Both as /proc tells them, in 10**6 bytes.",
)


async def measure(bench: Bench) -> Measured:
    """All tasks at once, once."""
    if not procfs.available():
        raise BenchError("the part memory reads /proc, which this system does not have: leave it out by --part")
    pid, sizes = bench.system.worker.pid, bench.sizes
    at_first = procfs.memory(pid)
    async with bench.load.client(USER) as client:
        started = time.perf_counter()
        await bench.load.all(client, USER, [sizes.million] * sizes.memory_tasks, on_end=bench.advance)
        seconds = time.perf_counter() - started
    bench.system.check()
    at_last = procfs.memory(pid)
    numbers = sizes.million * sizes.memory_tasks
    return Measured(
        (
            Figure("worker, peak", "MB", (at_last.peak,), goal=goals.WORKER_MEGABYTES),
            Figure("worker, resident at the end", "MB", (at_last.resident,)),
            Figure("worker, resident before", "MB", (at_first.resident,)),
            Figure("all tasks", "s", (seconds,)),
            Figure("numbers a second", "/s", (numbers / seconds,)),
        ),
        METHOD,
    )


def _title(sizes: Sizes) -> str:
    return f"one worker's memory with {sizes.memory_tasks} x {sizes.million:,} numbers given out"


PART = Part("memory", _title, lambda sizes, repeat: sizes.memory_tasks, measure)
