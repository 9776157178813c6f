"""What makes the pipeline quick, each choice with a worker or a request that does without it.

Nothing of this is a switch of the product: a change is undone in a worker of the benchmarks alone
(`bench/worker.py`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import uvloop
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry, Gauge
from psycopg import AsyncCopy

from agents import faust_workarounds, producers
from agents.faust_workarounds import delays, fetch_sessions, loopback, one_loop
from agents.fittings import Fittings
from agents.handoff import Handoff
from agents.producers import StepProducer
from agents.store import Numbers, PrefixIds, Store
from pipeline.metrics import WorkerMetrics

LINGER_MS = 5  # Kafka's own default since 4.0
SMALLER_BATCH = 5_000


def _nothing() -> None: ...


@dataclass(frozen=True)
class Change:
    """about: what is done without. undo: called in a worker before it is put together, of `fittings`.

    settings: the worker's own. fields: of the requests of large tasks.
    """

    about: str
    undo: Callable[[], None] = _nothing
    fittings: Callable[[], Fittings] = Fittings
    settings: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


class Nothing:
    """A metric that counts nothing, and all of its methods."""

    def __getattr__(self, _: str) -> Any:
        return self

    def __call__(self, *_: object) -> Any:
        """Whatever is asked of it."""
        return self


class Uncounted(WorkerMetrics):
    """Counts nothing, but says when the worker is ready."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(CollectorRegistry())
        vars(self).update(dict.fromkeys(vars(self), Nothing()))
        self.ready = Gauge("numberline_worker_ready", "1 when the worker is ready.", registry=registry)


class RowByRowStore(Store):
    """Rows by psycopg's own COPY, one after the other."""

    async def _write(self, copy: AsyncCopy, numbers: Numbers, batch_id: int, prefix_ids: PrefixIds) -> None:
        copy.set_types(("int8", "int4", "int4"))
        for number, prefix_id in zip(numbers.tolist(), prefix_ids.tolist(), strict=True):
            await copy.write_row((number, batch_id, prefix_id))


def _without(*patches: Callable[[], None]) -> None:
    left = tuple(patch for patch in faust_workarounds.PATCHES if patch not in patches)
    assert len(left) == len(faust_workarounds.PATCHES) - len(patches)
    faust_workarounds.PATCHES = left


def _fetch_what_is_written() -> None:
    _without(loopback.f21_ask_again_after_the_step)
    faust_workarounds.Loopback = lambda app: None  # type: ignore[assignment, misc, return-value]


def _consume_in_a_thread() -> None:
    _fetch_what_is_written()  # which would reach from one thread into the other
    _without(one_loop.f18_consume_in_the_loop_of_the_steps, one_loop.f18_fetch_after_the_steps)


def _hand_nothing_over() -> None:
    Handoff.offer = lambda self, record: None  # type: ignore[method-assign]


def _share_one_producer() -> None:
    started, first = StepProducer._started, list[StepProducer]()

    async def of_the_first(self: StepProducer) -> AIOKafkaProducer:
        if not first:
            first.append(self)
        self._producer = await started(first[0])
        return self._producer

    StepProducer._started = of_the_first  # type: ignore[method-assign]


def _linger() -> None:
    producers.AIOKafkaProducer = partial(AIOKafkaProducer, linger_ms=LINGER_MS)  # type: ignore[attr-defined]


def _use_asyncios_loop() -> None:
    uvloop.EventLoopPolicy = asyncio.DefaultEventLoopPolicy


CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        "handoff": Change("enrich and store read their messages back from the broker", _hand_nothing_over),
        "loopback": Change("a worker fetches what it wrote for itself (F21)", _fetch_what_is_written),
        "one-loop": Change("the consumer has Faust's thread (F18), and fetches (F21)", _consume_in_a_thread),
        "fetch-sessions": Change(
            "every fetch names every partition (F19)", lambda: _without(fetch_sessions.f19_fetch_what_has_changed)
        ),
        "few-tasks": Change(
            "each message is delivered by four asyncio tasks (F11)",
            lambda: _without(delays.f11_deliver_without_tasks),
        ),
        "producers": Change("all steps and tables share one producer", _share_one_producer),
        "no-linger": Change(f"producers wait {LINGER_MS} ms for more, Kafka's default", _linger),
        "uvloop": Change("asyncio's own event loop", _use_asyncios_loop),
        "numpy-rows": Change(
            "psycopg makes each row of a COPY, not numpy", fittings=lambda: Fittings(store=RowByRowStore)
        ),
        "two-connections": Change("one connection for large batches", settings={"store_connections": "1"}),
        "batch-size": Change(
            f"batches of {SMALLER_BATCH:,} numbers, not of 10,000", fields={"batch_size": SMALLER_BATCH}
        ),
        "metrics": Change("metrics count nothing", fittings=lambda: Fittings(metrics=Uncounted)),
    }
)
