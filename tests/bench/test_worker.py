"""Workers for measuring: a metered step does what the step does, and area codes are even over partitions."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agents.records import Record
from agents.store import Store
from bench.parts.workers import AREA_CODES, even
from bench.worker import (
    COUNTING,
    METERED,
    STEP_PROCESSOR_SECONDS,
    CountingStore,
    Metered,
    fit,
)
from schemas.partitions import partition_for

RECORD = Record("topic", 0, 0, 0, None, None, ())
BUSY_SECONDS = 0.02


def busy() -> None:
    """Take processor time."""
    until = time.thread_time() + BUSY_SECONDS
    while time.thread_time() < until:
        pass


async def test_processor_time_is_counted_and_waiting_is_not() -> None:
    """Between two waits, by step."""
    registry = CollectorRegistry()
    fittings = fit(METERED, registry)

    async def step(record: Record) -> None:
        busy()
        await asyncio.sleep(10 * BUSY_SECONDS)
        busy()

    await fittings.around("store", step)(RECORD)
    counted = registry.get_sample_value(f"{STEP_PROCESSOR_SECONDS}_total", {"step": "store"})
    assert counted is not None
    assert 2 * BUSY_SECONDS <= counted < 6 * BUSY_SECONDS
    assert fittings.store is Store


async def test_what_is_awaited_and_what_is_raised_pass_through() -> None:
    """A future's value comes in; an error inside, and a cancellation from outside, come where they belong."""
    loop = asyncio.get_running_loop()
    told: list[object] = []

    async def waits(future: asyncio.Future[int]) -> None:
        try:
            told.append(await future)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    done: asyncio.Future[int] = loop.create_future()
    loop.call_soon(done.set_result, 7)
    await Metered(waits(done), lambda seconds: None)

    async def metered(future: asyncio.Future[int]) -> None:
        await Metered(waits(future), lambda seconds: None)

    failing: asyncio.Future[int] = loop.create_future()
    failing.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await metered(failing)
    task = asyncio.create_task(metered(loop.create_future()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [7, "cancelled"]


def test_a_counting_worker_has_another_store_and_the_same_steps() -> None:
    """The steps themselves, not something around them."""
    fittings = fit(COUNTING, CollectorRegistry())
    assert fittings.store is CountingStore

    async def step(record: Record) -> None: ...

    assert fittings.around("store", step) is step


@pytest.mark.parametrize("partitions", [4, 12])
def test_area_codes_are_even_over_the_partitions(partitions: int) -> None:
    """So that each worker has as much to do."""
    codes = even([str(code) for code in range(201, 900)], partitions)
    by_partition = [partition_for(code, partitions) for code in codes]
    assert len(set(codes)) == AREA_CODES
    assert {by_partition.count(number) for number in range(partitions)} == {AREA_CODES // partitions}


def test_a_worker_without_metrics_tells_nothing_but_that_it_is_ready() -> None:
    """Whatever it is asked to count."""
    registry = CollectorRegistry()
    metrics = fit("metrics", registry).metrics(registry)
    metrics.ready.set(1)
    metrics.step_seconds.labels("store").observe(0.1)
    metrics.watch_pool(dict)
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == ["numberline_worker_ready 1.0"]
