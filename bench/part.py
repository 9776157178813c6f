"""What a part of the suite is: a name, how many steps it takes, and how it measures."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.load import Load
from bench.results import Figure, Way
from bench.sizes import Sizes
from bench.system import System

SETTLE_SECONDS = 0.05  # between two samples on an idle system, so that nothing of the one before still runs


@dataclass(frozen=True)
class Bench:
    """What a part measures, and how much of it. advance: one step is done; never called while a clock runs."""

    system: System
    load: Load
    sizes: Sizes
    repeat: int
    advance: Callable[[], None]


@dataclass(frozen=True)
class Measured:
    """What a part found, and how: sentences for the reader. ways: as in PartResult."""

    figures: tuple[Figure, ...]
    method: tuple[str, ...]
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True)
class Part:
    """One part. title: what it shows, at these sizes. steps: how often it calls `advance`, about.

    apart: the environment of `bench.apart` that it needs.
    """

    name: str
    title: Callable[[Sizes], str]
    steps: Callable[[Sizes, int], int]
    measure: Callable[[Bench], Awaitable[Measured]]
    apart: str | None = None
