"""Runs the parts one after the other on one system."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bench.errors import BenchError
from bench.load import Load
from bench.part import Bench, Part
from bench.results import PartResult
from bench.sizes import Sizes
from bench.system import System
from pipeline.errors import NumberlineError


class Watcher(Protocol):
    """Who is shown how far the run is."""

    def begins(self, part: Part, title: str, steps: int) -> Callable[[], None]:
        """A part begins; what is returned is called after each of its steps."""

    def settles(self, part: Part) -> None:
        """A part's rows are counted."""

    def ended(self, part: PartResult) -> None:
        """A part has ended."""


class CutShort(BenchError):
    """A part failed. measured: those before it, whose figures count."""

    def __init__(self, part: Part, error: Exception, measured: tuple[PartResult, ...]) -> None:
        super().__init__(f"the part {part.name} failed: {error}")
        self.measured = measured


async def run_parts(
    parts: Sequence[Part], system: System, sizes: Sizes, repeat: int, watcher: Watcher
) -> tuple[PartResult, ...]:
    """Measure every part.  Raises CutShort: what a failed one leaves behind is nothing to measure others on."""
    load = Load(system.settings)
    results: list[PartResult] = []
    for part in parts:
        try:
            result = await _measured(part, system, load, sizes, repeat, watcher)
        except (BenchError, NumberlineError) as error:
            raise CutShort(part, error, tuple(results)) from error
        watcher.ended(result)
        results.append(result)
    return tuple(results)


async def _measured(
    part: Part, system: System, load: Load, sizes: Sizes, repeat: int, watcher: Watcher
) -> PartResult:
    title = part.title(sizes)
    await system.quiet()
    advance = watcher.begins(part, title, part.steps(sizes, repeat))
    started = time.monotonic()
    measured = await part.measure(Bench(system, load, sizes, repeat, advance))
    seconds = time.monotonic() - started
    system.check()
    watcher.settles(part)
    account = load.settle()
    return PartResult(part.name, title, measured.method, measured.figures, account, seconds, measured.ways)
