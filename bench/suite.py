"""Runs the parts one after the other on one system."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.load import Load
from bench.part import Bench, Part
from bench.results import PartResult
from bench.sizes import Sizes
from bench.system import System


class Watcher(Protocol):
    """Who is shown how far the run is."""

    def begins(self, part: Part, title: str, steps: int) -> Callable[[], None]:
        """A part begins; what is returned is called after each of its steps."""

    def settles(self, part: Part) -> None:
        """A part's rows are counted."""

    def ended(self, part: PartResult) -> None:
        """A part has ended."""


async def run_parts(
    parts: Sequence[Part], system: System, sizes: Sizes, repeat: int, watcher: Watcher
) -> tuple[PartResult, ...]:
    """Measure every part.  Raises NumberlineError, BenchError; then no figure counts."""
    load = Load(system.settings)
    results = []
    for part in parts:
        title = part.title(sizes)
        await system.quiet()
        advance = watcher.begins(part, title, part.steps(sizes, repeat))
        started = time.monotonic()
        measured = await part.measure(Bench(system, load, sizes, repeat, advance))
        seconds = time.monotonic() - started
        system.check()
        watcher.settles(part)
        account = load.settle()
        result = PartResult(part.name, title, measured.method, measured.figures, account, seconds, measured.ways)
        watcher.ended(result)
        results.append(result)
    return tuple(results)
