"""What `--out` names: a file, or standard output for `-`; and in which format."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click
from rich.progress import Progress, TextColumn

from numberline.cli.screen import plain
from numberline.database import Connection, database
from numberline.rows import FORMATS, write_rows
from pipeline.settings import Settings
from pipeline.views import EXPORTED

errors = plain(stderr=True)


def format_of(out: str, given: str | None, formats: Sequence[str] = FORMATS) -> str:
    """As given, else by the file's ending, else csv."""
    ending = Path(out).suffix.lstrip(".")
    return given or (ending if ending in formats else "csv")


@contextmanager
def opened(out: str) -> Iterator[TextIO]:
    """To be written to as text; standard output stays open.

    Raises a click error where it cannot be written, be it in the middle: a disk may be full by then.
    """
    if out == "-":
        yield sys.stdout
        return
    try:
        with Path(out).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise click.FileError(out, error.strerror or str(error)) from None


def say_written(count: int, what: str, out: str) -> None:
    """On standard error, how many of what went where."""
    errors.print(f"{count:,} {what} written to {'standard output' if out == '-' else out}", soft_wrap=True)


def write_rows_to(
    settings: Settings,
    rows: Callable[[Connection], Iterator[dict[str, Any]]],
    columns: Sequence[str] | None,
    total: int,
    out: str,
    format_: str,
) -> None:
    """Write rows as a file. columns: of CSV; those of a task's numbers without."""
    parts = (TextColumn("{task.description}", markup=False), *Progress.get_default_columns()[1:])
    with (
        database(settings) as connection,
        opened(out) as file,
        Progress(*parts, console=errors, transient=True) as bar,
    ):
        shown = bar.add_task(f"writing {out}", total=total)
        count = write_rows(
            rows(connection), format_, file, lambda n: bar.update(shown, advance=n), columns or EXPORTED
        )
    say_written(count, "numbers", out)
