"""How far the run is, in the terminal. It draws only between measurements: no thread of its own."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bench.part import Part
from bench.results import PartResult


class Screen:
    """The watcher of a run."""

    def __init__(self, console: Console) -> None:
        self._started = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._shown: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line of its own."""
        self._progress.console.print(f"[dim]{time.monotonic() - self._started:5.1f} s  {text} ...[/]")

    def begins(self, part: Part, title: str, steps: int) -> Callable[[], None]:
        """Show a bar for the part."""
        shown = self._shown = self._progress.add_task(f"{part.name}: {title}", total=steps)
        self._progress.refresh()

        def advance() -> None:
            self._progress.advance(shown)
            self._progress.refresh()

        return advance

    def settles(self, part: Part) -> None:
        """Say so in the bar's place."""
        assert self._shown is not None
        self._progress.update(self._shown, description=f"{part.name}: counting its rows in PostgreSQL")
        self._progress.refresh()

    def ended(self, part: PartResult) -> None:
        """A line instead of the bar."""
        assert self._shown is not None
        self._progress.remove_task(self._shown)
        self._progress.console.print(f"[green]✓[/] {part.name}: {part.title} [dim]{part.seconds:.0f} s[/]")
