"""What cases found, as tables for docs/scaling.md."""

from collections.abc import Iterable, Iterator, Sequence

from simulation.cases import (
    CLUSTERS,
    MEAN_QUANTITY,
    PARTITIONS_A_WORKER,
    TASKS_A_MINUTE,
    Arrivals,
    Carried,
    Compared,
    arriving,
    carried,
    measured_again,
    percentile,
)
from simulation.cluster import Shape
from simulation.costs import BATCH, MILLION, SMALL, Costs

# what takes the tasks a minute: workers, database servers
ARRIVING_ON = ((1, 1), (4, 1), (8, 2))


def page(costs: Costs, seed: int) -> str:
    """All tables, with what they rest on."""
    parts = [
        "## What work takes",
        f"Out of {costs.source}.",
        _table(("processor time, ms", "worker", "broker", "PostgreSQL", "gateway and client"), _costs(costs)),
        "## The measured runs, simulated",
        _table(("run", "measured", "simulated", "error"), map(_compared, measured_again(costs))),
        "## What a cluster carries",
        _table(
            ("workers", "partitions", "PostgreSQL servers", "numbers a second", "busiest", "Kafka", "WAL a server"),
            (_carried(carried(costs, _shape(*of)), costs) for of in CLUSTERS),
        ),
        "## Tasks a minute",
        _table(
            ("tasks a minute", "numbers a minute", "workers", "PostgreSQL servers", "p50", "p95", "busiest"),
            (
                _arrivals(arriving(costs, tasks, _shape(*of), seed))
                for tasks in TASKS_A_MINUTE
                for of in ARRIVING_ON
            ),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _shape(workers: int, databases: int) -> Shape:
    return Shape(workers, PARTITIONS_A_WORKER * workers, databases)


def _costs(costs: Costs) -> Iterator[Sequence[str]]:
    for name, work in (
        (f"a batch of {BATCH:,} numbers", costs.full_batch),
        *(
            (f"as many of many tasks at once, {kind}", work * (BATCH / MILLION))
            for kind, work in costs.busy.items()
        ),
        (f"a batch of {SMALL} numbers", costs.small_batch),
        ("a task beside its batches", costs.task),
    ):
        values = (work.worker, work.broker, work.database, work.edge)
        yield name, *(f"{value * 1000:.2f}" for value in values)


def _compared(one: Compared) -> Sequence[str]:
    def shown(value: float) -> str:
        return f"{value:,.0f} /s" if one.unit == "/s" else f"{value:.3g} s"

    return one.name, shown(one.measured), shown(one.simulated), f"{one.error:+.0%}"


def _carried(one: Carried, costs: Costs) -> Sequence[str]:
    shape, rate = one.shape, one.outcome.rate
    megabytes = rate / 1e6 * costs.kafka_megabytes, rate / 1e6 * costs.wal_megabytes / shape.databases
    return (
        str(shape.workers),
        str(shape.partitions),
        str(shape.databases),
        f"{rate:,.0f}",
        _busiest(one.outcome.busiest),
        *(f"{value:,.0f} MB/s" for value in megabytes),
    )


def _arrivals(one: Arrivals) -> Sequence[str]:
    return (
        f"{one.tasks_a_minute:,}",
        f"{one.tasks_a_minute * MEAN_QUANTITY:,}",
        str(one.shape.workers),
        str(one.shape.databases),
        *(f"{percentile(one.waits, percent) * 1000:,.0f} ms" for percent in (50, 95)),
        _busiest(one.outcome.busiest),
    )


def _busiest(busiest: tuple[str, float]) -> str:
    name, part = busiest
    return f"{name}, {part:.0%}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))
