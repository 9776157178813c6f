"""How work flows: a request through coordinate, allocate, enrich and store, batch by batch, as the agents do it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import simpy

from pipeline.plan import batch_size_for, batch_size_near, numbered_batches, spread
from schemas.events import Filters, Plan
from schemas.partitions import partition_for
from simulation.cluster import Cluster, Machine, Shape, Steps
from simulation.costs import Costs, Work

EXIST = 5_000_000  # numbers of an area code: what is left never bounds a task here


@dataclass(frozen=True)
class Task:
    """What a user asks for. at: when, in seconds."""

    at: float
    user: str
    quantity: int
    area_codes: tuple[str, ...]


@dataclass
class Outcome:
    """What came of a run. seconds: until the last task ended. waits: of each task, in the order of the tasks."""

    seconds: float = 0.0
    numbers: int = 0
    waits: list[float] = field(default_factory=list)
    busiest: tuple[str, float] = ("", 0.0)

    @property
    def rate(self) -> float:
        """Numbers a second."""
        return self.numbers / self.seconds


def run(costs: Costs, shape: Shape, tasks: Sequence[Task]) -> Outcome:
    """Let an installation do these tasks."""
    environment = simpy.Environment()
    cluster = Cluster(environment, shape)
    flow = Flow(environment, cluster, costs)
    outcome = Outcome(numbers=sum(task.quantity for task in tasks), waits=[0.0] * len(tasks))
    for place, task in enumerate(tasks):
        environment.process(flow.task(task, outcome, place))
    environment.run()
    outcome.seconds = max(task.at + wait for task, wait in zip(tasks, outcome.waits, strict=True))
    outcome.busiest = cluster.busiest(outcome.seconds)
    return outcome


class Flow:
    """Tasks and batches as processes of the simulation."""

    def __init__(self, environment: simpy.Environment, cluster: Cluster, costs: Costs) -> None:
        self._environment, self._cluster, self._costs = environment, cluster, costs

    def task(self, task: Task, outcome: Outcome, place: int) -> Steps:
        """One, until its end is told."""
        environment, partition = self._environment, partition_for(task.user, self._cluster.shape.partitions)
        yield environment.timeout(task.at)
        fixed = self._costs.task
        yield environment.timeout(self._costs.hop)
        yield from self._cluster.owner(partition).work(fixed.worker)
        yield from self._cluster.broker(partition).work(fixed.broker)
        batches = iter(batches_of(task))
        window = [environment.process(self._line(batches, partition)) for _ in range(self._cluster.shape.window)]
        yield environment.all_of(window)
        yield from self._cluster.databases[0].work(fixed.database)
        yield from self._cluster.edge.work(fixed.edge)
        yield environment.timeout(self._costs.hop)
        outcome.waits[place] = environment.now - task.at

    def _line(self, batches: Iterator[tuple[str, int]], partition: int) -> Steps:
        """One place of a task's window: a batch is sent when the one before it is stored."""
        for area_code, rows in batches:
            yield from self._batch(area_code, rows, partition)

    def _batch(self, area_code: str, rows: int, of_user: int) -> Steps:
        costs, cluster, environment = self._costs, self._cluster, self._environment
        work, partition = costs.batch(rows), partition_for(area_code, cluster.shape.partitions)
        owner, coordinator = cluster.owner(partition), cluster.owner(of_user)
        steps = work.worker * (1 - costs.coordinate)
        yield environment.timeout(costs.hop)
        with cluster.partitions[partition].request() as turn:  # one record of a partition at a time
            yield turn
            yield from owner.work(steps / 2)
            yield from cluster.broker(partition).work(work.broker / 2)
        with owner.connections.request() as connection:
            yield connection
            yield from owner.work(steps / 2)
            if cluster.shape.stored:
                yield from self._stored(cluster.database(area_code), work)
        yield from cluster.broker(of_user).work(work.broker / 2)
        yield environment.timeout(costs.hop)
        environment.process(cluster.edge.work(work.edge))
        yield from coordinator.work(work.worker * costs.coordinate)

    def _stored(self, database: Machine, work: Work) -> Steps:
        yield from database.work(work.database)
        yield self._environment.timeout(self._costs.flush)


def batches_of(task: Task) -> tuple[tuple[str, int], ...]:
    """Area code and size of each batch, by the planner of the pipeline itself."""
    seed = f"{task.user}{task.at}"
    near = batch_size_near(task.quantity)
    shares = spread(task.quantity, dict.fromkeys(task.area_codes, EXIST), near, seed)
    plan = Plan(
        quantity=task.quantity,
        batch_size=batch_size_for(shares, near),
        window=1,
        prefix_version=1,
        draw_version=1,
        seed=seed,
        on_shortfall="fail",
        auto_validate=False,
        filters=Filters(),
        shares=shares,
    )
    return numbered_batches(plan)
