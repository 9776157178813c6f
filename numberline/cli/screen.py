"""What commands have in common on the screen: its width, tables, bars, and words on options that break a rule."""

from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from schemas.events import FieldError

BETWEEN = 2  # spaces between the columns of a table
LEAST_CARRIER = 12
SHOWN_COLUMNS = ("number", "carrier", "line_type", "state", "country", "timezone")


def plain(**options: Any) -> Console:
    """Standard output, or error, for what users and files have named, where nothing is markup: at a closing tag
    rich would end with an error."""
    return Console(markup=False, emoji=False, **options)


def screen(columns: int) -> Console:
    """The same: a terminal as wide as it is, a file or a pipe so many columns."""
    return plain(width=None if Console().is_terminal else columns, highlight=False)


def misused(errors: Iterable[FieldError]) -> click.UsageError:
    """Options that break rules, each with its own."""
    return click.UsageError("\n".join(f"{one.field} {one.message}" for one in errors))


def progress_bar(console: Console, *, transient: bool) -> Progress:
    """How much of something is done, and when the rest will be. transient: it goes when it ends."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=transient,
    )


def rows_table(rows: list[dict[str, Any]], columns: int) -> Table:
    """Rows of phone_numbers for the eye. columns: of the screen; where they are few the carrier gives way."""
    titles = {name: name.replace("_", " ") for name in SHOWN_COLUMNS}
    widths = {name: max(len(title), *(len(row[name] or "") for row in rows), 0) for name, title in titles.items()}
    too_wide = sum(widths.values()) + BETWEEN * (len(widths) - 1) - columns
    widths["carrier"] = max(min(widths["carrier"], LEAST_CARRIER), widths["carrier"] - max(0, too_wide))
    table = Table(box=None, pad_edge=False)
    for name, title in titles.items():
        table.add_column(title, no_wrap=True, overflow="ellipsis", width=widths[name])
    for row in rows:
        table.add_row(*(Text(row[name] or "") for name in SHOWN_COLUMNS))
    return table
