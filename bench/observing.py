"""What metrics and traces cost a step for each record: `python -m bench.observing`. It needs no servers.

A step that does nothing is run by the real delivery runtime (`agents/delivery.py`), in turns: with metrics that
count nothing, with those of a worker, and with spans besides, which are thrown away once they have ended.
"""

import asyncio
import time
from typing import Any

import click
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from agents.delivery import Delivery
from agents.records import Record
from bench.changes import Nothing
from bench.stats import median
from pipeline.metrics import WorkerMetrics
from pipeline.spans import Spans

HEADERS = (
    ("user", b"ann"),
    ("task", b"1b4e28ba-2fa1-51d2-883f-0016d3cca427"),
    ("batch", b"7"),
    ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)
RECORD = Record("numberline.numbers", 3, 42, 1_700_000_000_000, b"212", b"", HEADERS)


async def step(_: Record) -> None:
    """Does nothing."""


async def measured(records: int, repeat: int) -> dict[str, list[float]]:
    """Microseconds a record: of each kind as many figures as turns."""
    uncounted: Any = Nothing()
    unsent: Any = None
    spans = Spans(TracerProvider(shutdown_on_exit=False), "1")
    metrics, traced = WorkerMetrics(CollectorRegistry()), WorkerMetrics(CollectorRegistry())
    kinds = {
        "nothing": Delivery(unsent, "numberline", 4, 60, uncounted),
        "metrics": Delivery(unsent, "numberline", 4, 60, metrics),
        "metrics and spans": Delivery(unsent, "numberline", 4, 60, traced, tracing=spans),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(repeat):
        for name, delivery in kinds.items():
            began = time.perf_counter()
            for _ in range(records):
                await delivery.process("store", step, RECORD)
            found[name].append((time.perf_counter() - began) * 1e6 / records)
    return found


@click.command()
@click.option("--records", default=20_000, show_default=True, help="A turn of each kind.")
@click.option("--repeat", default=9, show_default=True, help="Turns of each kind.")
def main(records: int, repeat: int) -> None:
    """Measure, and print the medians of all turns."""
    found = asyncio.run(measured(records, repeat))
    for name, values in found.items():
        more = [value - bare for value, bare in zip(values, found["nothing"], strict=True)]
        click.echo(f"{name:<18} {median(values):6.1f} µs a record, {median(more):+6.1f}")


if __name__ == "__main__":
    main()
