"""What there is: machines with processors, workers with one loop each, database servers, partitions."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

QUANTUM = 0.004  # seconds after which a processor goes on with another of those that wait for one

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Shape:
    """An installation. shared: all processes share one machine of `processors`; else each has machines of its own.

    processors: of each of the other machines, a worker's excepted, which has one and a half: its loop takes one.
    connections: of each worker to PostgreSQL. stored: False where rows are only counted.
    """

    workers: int
    partitions: int
    databases: int = 1
    processors: int = 8
    brokers: int = 1
    connections: int = 2
    window: int = 8
    shared: bool = False
    stored: bool = True


class Machine:
    """Processors that whoever works on it shares by turns."""

    def __init__(self, environment: simpy.Environment, processors: int) -> None:
        self._environment, self._processors = environment, simpy.Resource(environment, processors)
        self.processors, self.busy = processors, 0.0

    def work(self, seconds: float) -> Steps:
        """So much processor time."""
        self.busy += seconds
        while seconds > 0:
            turn = min(QUANTUM, seconds)
            with self._processors.request() as request:
                yield request
                yield self._environment.timeout(turn)
            seconds -= turn


class Worker:
    """One process: a loop that does one thing at a time, and connections to PostgreSQL."""

    def __init__(self, environment: simpy.Environment, machine: Machine, connections: int) -> None:
        self._machine, self._loop = machine, simpy.Resource(environment, 1)
        self.connections = simpy.Resource(environment, connections)
        self.busy = 0.0

    def work(self, seconds: float) -> Steps:
        """So much processor time of its loop."""
        self.busy += seconds
        with self._loop.request() as request:
            yield request
            yield from self._machine.work(seconds)


class Cluster:
    """The machines and processes of a shape."""

    def __init__(self, environment: simpy.Environment, shape: Shape) -> None:
        def machine(processors: int) -> Machine:
            return Machine(environment, processors)

        one = machine(shape.processors) if shape.shared else None
        self.shape = shape
        self.workers = [Worker(environment, one or machine(1), shape.connections) for _ in range(shape.workers)]
        self.databases = [one or machine(shape.processors) for _ in range(shape.databases)]
        self.brokers = [one or machine(shape.processors) for _ in range(shape.brokers)]
        self.edge = one or machine(shape.processors)
        self.partitions = [simpy.Resource(environment, 1) for _ in range(shape.partitions)]

    def owner(self, partition: int) -> Worker:
        """Who works on a partition."""
        return self.workers[partition % len(self.workers)]

    def database(self, area_code: str) -> Machine:
        """Which server holds an area code's numbers."""
        return self.databases[int(area_code) % len(self.databases)]

    def broker(self, partition: int) -> Machine:
        """Which broker leads a partition."""
        return self.brokers[partition % len(self.brokers)]

    def busiest(self, seconds: float) -> tuple[str, float]:
        """What was used most in a time, and what part of that time."""
        used: list[tuple[str, float]] = [("a worker", max(worker.busy for worker in self.workers) / seconds)]
        for name, machines in (("PostgreSQL", self.databases), ("the broker", self.brokers)):
            used.append((name, max(one.busy / one.processors for one in machines) / seconds))
        return max(used, key=lambda one: one[1])
