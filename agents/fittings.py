"""What a worker is put together from where there is a choice: the product's own, or a benchmark's."""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from agents.records import Step
from agents.store import Store


def _unchanged(name: str, step: Step) -> Step:
    return step


@dataclass(frozen=True)
class Fittings:
    """store: what the step store is. around: what each step is run by, given its name; the step itself."""

    store: type[Store] = Store
    around: Callable[[str, Step], Step] = _unchanged


Fit = Callable[[CollectorRegistry], Fittings]


def product(registry: CollectorRegistry) -> Fittings:
    """The product's own. registry: the worker's metrics."""
    return Fittings()
