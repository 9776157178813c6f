"""How far a run is, in the terminal."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.status import Status

from chaos.schedule import Round
from chaos.suite import RoundResult


class Screen:
    """The watcher of a run."""

    def __init__(self, console: Console, rounds: int) -> None:
        self._console, self._rounds, self._started = console, rounds, time.monotonic()
        self._status: Status | None = None

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(f"[dim]{time.monotonic() - self._started:6.1f} s  {text}[/]")

    def begins(self, one: Round) -> Callable[[str], None]:
        """A line that changes while the round runs."""
        head = f"{one.number}/{self._rounds} {one.fault.name()}"
        status = self._status = self._console.status(head)
        status.start()
        return lambda text: status.update(f"{head}: {text}")

    def ended(self, result: RoundResult) -> None:
        """A line instead."""
        if self._status is not None:
            self._status.stop()
        mark = "[red bold]✗[/]" if result.violations else "[green]✓[/]"
        again = f", {result.repeated} records repeated" if result.repeated else ""
        self._console.print(
            f"{mark} {result.round.number}/{self._rounds} {result.round.fault.title()}: {result.done}; "
            f"{result.tasks} tasks, {result.numbers:,} numbers{again} [dim]{result.seconds:.1f} s[/]"
        )
        for violation in result.violations:
            self._console.print(f"  {violation}", style="red", markup=False, emoji=False, highlight=False)
