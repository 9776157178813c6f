"""`python -m bench.worker KIND`: the product's worker with one thing changed, to measure that alone.

counting: what store is given is counted and reported, and no row is written. metered: its metrics say, beside its
own, how much processor time each step takes. Any other: without that choice of `bench/changes.py`.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import click
from prometheus_client import CollectorRegistry, Counter

from agents.fittings import Fittings
from agents.records import Record, Step
from agents.run import run_worker
from agents.store import Numbers, PrefixIds, Row, Store
from bench.changes import CHANGES
from numberline.logs import set_up_logs
from numberline.setup.newest import newest_migration
from pipeline.settings import load_settings
from schemas.events import NumbersEnriched

COUNTING, METERED = "counting", "metered"
KINDS = (COUNTING, METERED, *CHANGES)
STEP_PROCESSOR_SECONDS = "numberline_bench_step_processor_seconds"


class CountingStore(Store):
    """Batches count as durable at once."""

    async def stored(self, batch: NumbersEnriched, row: Row, numbers: Numbers, prefix_ids: PrefixIds) -> int:
        """How many there are."""
        return len(numbers)


class Metered:
    """Awaits a coroutine and tells the processor time of this thread from each of its waits to the next."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], spent: Callable[[float], None]) -> None:
        self._coroutine, self._spent = coroutine, spent

    def __await__(self) -> Generator[Any, Any, None]:
        resume: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            started = time.thread_time()
            try:
                awaited = resume(value)
            except StopIteration:
                return
            finally:
                self._spent(time.thread_time() - started)
            try:
                value = yield awaited
                resume = self._coroutine.send
            except BaseException as error:
                resume, value = self._coroutine.throw, error


def metered(name: str, step: Step, counter: Counter) -> Step:
    """The step, whose processor time is counted."""
    spent = counter.labels(name).inc

    async def run(record: Record) -> None:
        await Metered(_coroutine(step(record)), spent)

    return run


async def _coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


def fit(kind: str, registry: CollectorRegistry) -> Fittings:
    """What a worker of this kind has instead of the product's own."""
    if kind == COUNTING:
        return Fittings(store=CountingStore)
    if (change := CHANGES.get(kind)) is not None:
        change.undo()
        return change.fittings()
    counter = Counter(STEP_PROCESSOR_SECONDS, "Processor time of a step.", ["step"], registry=registry)
    return Fittings(around=lambda name, step: metered(name, step, counter))


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
def main(kind: str) -> None:
    """A worker of the kind, against the Kafka and the PostgreSQL that the environment names."""
    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    run_worker(settings, newest_migration(), lambda registry: fit(kind, registry))


if __name__ == "__main__":
    main()
