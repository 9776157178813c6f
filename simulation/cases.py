"""What is asked of the simulation: the measured runs again, larger clusters, and more tasks a minute."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.partitions import partition_for
from simulation.cluster import Shape
from simulation.costs import Costs
from simulation.model import Outcome, Task, batches_of, run

MILLION = 1_000_000
MEASURED_ON = Shape(workers=1, partitions=4, processors=2, shared=True)  # as the suite runs: one machine for all
CODES_OF_MILLION = ("212", "213", "305", "312", "404", "415", "617", "713")
TASKS, LARGE, AREA_CODES = 12, MILLION // 4, 24  # of the part workers
ALL_CODES = tuple(str(code) for code in range(201, 1000) if code % 100 != 11)
# of a hundred tasks: quantity and how many area codes
MIX = ((90, 100, 1), (9, 10_000, 2), (1, 100_000, 8))
MEAN_QUANTITY = sum(share * quantity for share, quantity, _ in MIX) // 100
SECONDS = 30.0  # of arrivals
CLUSTERS = (
    *((1, 1), (2, 1), (4, 1), (8, 1), (16, 1)),
    *((8, 2), (16, 2), (16, 4)),
)
PARTITIONS_A_WORKER = 4
TASKS_A_MINUTE = (10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Compared:
    """A measured run and the same simulated. unit: "s", or "/s" of numbers."""

    name: str
    measured: float
    simulated: float
    unit: str

    @property
    def error(self) -> float:
        """Of the simulation: above 0 where it is too fast."""
        ratio = self.simulated / self.measured
        return ratio - 1 if self.unit == "/s" else 1 / ratio - 1


@dataclass(frozen=True)
class Carried:
    """What a cluster carries when it is given all it can take."""

    shape: Shape
    outcome: Outcome


@dataclass(frozen=True)
class Arrivals:
    """A minute of tasks of MIX. waits: of those of the smallest quantity, in seconds, sorted."""

    tasks_a_minute: int
    shape: Shape
    outcome: Outcome
    waits: tuple[float, ...]


def measured_again(costs: Costs) -> Iterator[Compared]:
    """The runs that were measured: a million, and what the part workers has."""
    name = "a million, 1 worker"
    million = run(costs, MEASURED_ON, [Task(0.0, "user", MILLION, CODES_OF_MILLION)])
    yield Compared(name, costs.measured[name], million.seconds, "s")
    name = "100 numbers on an idle system"
    small = run(costs, MEASURED_ON, [Task(0.0, "user", 100, CODES_OF_MILLION[:1])])
    yield Compared(name, costs.measured[name], small.seconds, "s")
    for kind, partitions in (("counted", 12), ("stored", 4)):
        for workers in (1, 2):
            shape = replace(MEASURED_ON, workers=workers, partitions=partitions, stored=kind == "stored")
            codes = even(partitions, AREA_CODES)
            tasks = [Task(0.0, f"bench-workers-{number}", LARGE, codes) for number in range(TASKS)]
            name = f"{kind}, {workers} worker" + "s" * (workers > 1)
            if name not in costs.measured:
                continue
            yield Compared(name, costs.measured[name], run(busy(costs, kind), shape, tasks).rate, "/s")


def busy(costs: Costs, kind: str) -> Costs:
    """Those of an installation with as much to do as the part workers gives it, or with more."""
    return costs.fitted(kind, max(rows for _, rows in batches_of(Task(0.0, "", LARGE, ALL_CODES[:AREA_CODES]))))


def even(partitions: int, count: int) -> tuple[str, ...]:
    """So many area codes, of which each partition has equally many."""
    found: list[list[str]] = [[] for _ in range(partitions)]
    for code in ALL_CODES:
        found[partition_for(code, partitions)].append(code)
    return tuple(code for codes in found for code in codes[: count // partitions])


def carried(costs: Costs, shape: Shape) -> Carried:
    """A cluster with more to do than it can: numbers a second, and what keeps it from more."""
    users = [f"user-{number}" for number in range(6 * shape.workers)]
    codes = even(shape.partitions, 4 * shape.partitions)
    tasks = [Task(0.0, user, LARGE, codes[at % 4 :: 4]) for at, user in enumerate(users)]
    return Carried(shape, run(busy(costs, "stored"), shape, tasks))


def arriving(costs: Costs, tasks_a_minute: int, shape: Shape, seed: int) -> Arrivals:
    """Tasks of MIX that come by chance (a Poisson process)."""
    tasks = list(_poisson(tasks_a_minute, random.Random(seed)))
    outcome = run(costs, shape, tasks)
    small = MIX[0][1]
    waits = sorted(wait for task, wait in zip(tasks, outcome.waits, strict=True) if task.quantity == small)
    return Arrivals(tasks_a_minute, shape, outcome, tuple(waits))


def _poisson(tasks_a_minute: int, chance: random.Random) -> Iterator[Task]:
    at, number = 0.0, 0
    while (at := at + chance.expovariate(tasks_a_minute / 60)) < SECONDS:
        ((_, quantity, count),) = chance.choices(MIX, [share for share, _, _ in MIX])
        yield Task(at, f"user-{number % 1000}", quantity, tuple(chance.sample(ALL_CODES, count)))
        number += 1


def percentile(ordered: Sequence[float], percent: float) -> float:
    """By nearest rank, of sorted values."""
    return ordered[max(0, -(-int(percent * len(ordered)) // 100) - 1)]
