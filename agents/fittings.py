"""What a worker is put together from where there is a choice: the product's own, or a benchmark's."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from agents.records import Step
from agents.store import Store
from pipeline.metrics import WorkerMetrics


def _unchanged(name: str, step: Step) -> Step:
    return step


@dataclass(frozen=True)
class Fittings:
    """store: what the step store is. metrics: what counts. around: what each step is run by, given its name."""

    store: type[Store] = Store
    metrics: Callable[[CollectorRegistry], WorkerMetrics] = WorkerMetrics
    around: Callable[[str, Step], Step] = _unchanged


Fit = Callable[[CollectorRegistry], Fittings]


def product(registry: CollectorRegistry) -> Fittings:
    """The product's own. registry: the worker's metrics."""
    return Fittings()
