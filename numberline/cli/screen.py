"""What commands have in common on the screen: how wide it is, and what is said of options that break a rule."""

from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from schemas.events import FieldError

SHOWN_COLUMNS = ("number", "carrier", "line_type", "state", "country", "timezone")


def screen(columns: int) -> Console:
    """Standard output: a terminal as wide as it is, a file or a pipe so many columns."""
    return Console(width=None if Console().is_terminal else columns, highlight=False)


def misused(errors: Iterable[FieldError]) -> click.UsageError:
    """Options that break rules, each with its own."""
    return click.UsageError("\n".join(f"{one.field} {one.message}" for one in errors))


def rows_table(rows: list[dict[str, Any]]) -> Table:
    """Rows of phone_numbers for the eye; on a narrow terminal the carrier gives way."""
    table = Table(box=None, pad_edge=False)
    for name in SHOWN_COLUMNS:
        title = name.replace("_", " ")
        width = max([len(title), *(len(row[name] or "") for row in rows)])
        least = min(width, 12) if name == "carrier" else width
        table.add_column(title, no_wrap=True, overflow="ellipsis", min_width=least)
    for row in rows:
        table.add_row(*(row[name] or "" for name in SHOWN_COLUMNS))
    return table
