"""What work takes, by component: measured figures of `python -m bench`, as this package keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.plan import batch_size_near

KEPT = Path(__file__).with_name("costs.json")
COMPONENTS = ("worker", "broker", "PostgreSQL", "gateway", "client")
MILLION = 1_000_000
SMALL, BATCH = 100, batch_size_near(MILLION)  # numbers of the small batches and of the full ones that were measured
BATCHES_OF_MILLION = MILLION // BATCH
SPREAD = 32  # small batches of the task that has several


class CostsMissing(Exception):
    """Results that lack a figure."""


@dataclass(frozen=True)
class Work:
    """Processor seconds. edge: of the gateway and of whoever asks."""

    worker: float
    broker: float
    database: float
    edge: float

    def __add__(self, other: "Work") -> "Work":
        return Work(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __mul__(self, factor: float) -> "Work":
        return Work(*(factor * value for value in self._values()))

    def __sub__(self, other: "Work") -> "Work":
        return self + other * -1

    def _values(self) -> tuple[float, ...]:
        return self.worker, self.broker, self.database, self.edge


@dataclass(frozen=True)
class Costs:
    """Measured. Seconds; coordinate: the part of a batch's work in a worker that is coordinate's.

    hop: from producing a message to consuming it. flush: of a durable commit. busy: of a million numbers out of
    many tasks at once and many area codes, by what becomes of the rows, "stored" or "counted"; empty where that was
    not measured. It is more than so many full batches take, for numbers of many area codes lie on as many pages.
    wal_megabytes: of a million numbers, as are kafka_megabytes.
    measured: what the simulation is held against, by name.
    """

    source: str
    full_batch: Work
    small_batch: Work
    small_task: Work
    coordinate: float
    hop: float
    flush: float
    wal_megabytes: float
    kafka_megabytes: float
    busy: Mapping[str, Work]
    measured: Mapping[str, float]

    def batch(self, rows: int) -> Work:
        """A batch of so many rows: between the measured ones in proportion."""
        return self.small_batch + (self.full_batch - self.small_batch) * _share(rows)

    def fitted(self, kind: str, rows: int) -> "Costs":
        """Those by which batches of so many rows take what a busy installation's do; as they are without `busy`."""
        if kind not in self.busy:
            return self
        batch = self.busy[kind] * (rows / MILLION)
        return replace(self, full_batch=self.small_batch + (batch - self.small_batch) * (1 / _share(rows)))

    @property
    def task(self) -> Work:
        """What a task takes beside its batches."""
        return self.small_task - self.small_batch


def _share(rows: int) -> float:
    """Where a batch lies between the small and the full ones."""
    return (rows - SMALL) / (BATCH - SMALL)


def read(path: Path = KEPT) -> Costs:
    """Those that are kept."""
    found = json.loads(path.read_text())
    works = {name: Work(**found[name]) for name in ("full_batch", "small_batch", "small_task")}
    busy = {kind: Work(**work) for kind, work in found["busy"].items()}
    return Costs(**{**found, **works, "busy": busy})


def write(costs: Costs, path: Path = KEPT) -> None:
    """Keep them."""
    path.write_text(json.dumps(asdict(costs), indent=1) + "\n")


def of_results(runs: Sequence[Mapping[str, Any]]) -> Costs:
    """Out of results.json of one or several runs of the suite: medians.

    Raises CostsMissing where they lack a part or a figure, or come from several machines.
    """
    if len({run["about"]["machine"] for run in runs}) > 1:
        raise CostsMissing("the results come from several machines")
    medians = {
        (part["name"], figure["name"]): figure["median"]
        for run in runs
        for part in run["parts"]
        for figure in part["figures"]
    }

    def figure(part: str, name: str) -> float:
        try:
            return float(medians[part, name])
        except KeyError:
            raise CostsMissing(f"the results have no figure {name!r} of the part {part}") from None

    def work(name: str, each: float, part: str = "resources") -> Work:
        worker, broker, database, *edge = (figure(part, f"{name}: {one}") / each for one in COMPONENTS)
        return Work(worker, broker, database, sum(edge))

    def megabytes(name: str) -> float:
        return figure("resources", f"bytes a million: {name}")

    small = work("processor time of a small task", 1000)
    spread = work(f"processor time of {SPREAD} small batches", 1000)
    steps = {
        step: figure("resources", f"processor time a million: worker, step {step}")
        for step in ("coordinate", "allocate", "enrich", "store")
    }
    commands = ", ".join(f"`{run['about']['command'].partition(' --out ')[0]}`" for run in runs)
    measured = {
        "a million, 1 worker": figure("million", "task"),
        "100 numbers on an idle system": figure("latency", "100 numbers, p50") / 1000,
    }
    busy = {}
    if any(part == "workers" for part, _ in medians):
        for kind in ("counted", "stored"):
            busy[kind] = work(f"{kind}, 1 worker, processor time a million", 1, "workers")
            for workers in (1, 2):
                name = f"{kind}, {workers} worker" + "s" * (workers > 1)
                measured[name] = figure("workers", f"{name}, numbers a second")
    return Costs(
        source=f"{commands}: {runs[0]['about']['date']}, {runs[0]['about']['machine']}",
        full_batch=work("processor time a million", BATCHES_OF_MILLION),
        small_batch=(spread - small) * (1 / (SPREAD - 1)),
        small_task=small,
        coordinate=steps["coordinate"] / sum(steps.values()),
        hop=figure("latency", "round trip, p50") / 1000,
        flush=figure("resources", "durable commit of one row") / 1000,
        wal_megabytes=megabytes("WAL"),
        kafka_megabytes=megabytes("Kafka produced"),
        busy=busy,
        measured=measured,
    )
