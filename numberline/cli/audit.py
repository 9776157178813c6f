"""audit: who asked for what, and what came of it."""

import csv
import json
from datetime import UTC
from typing import Any

import click
from psycopg.rows import dict_row
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from numberline.cli.files import errors, format_of, opened, say_written
from numberline.cli.screen import screen
from numberline.database import database
from pipeline.settings import load_settings
from pipeline.views import in_milliseconds, rfc3339

COLUMNS = ("at", "actor", "action", "subject", "outcome", "details", "record_id")
FORMATS = ("csv", "ndjson")
FETCH_ROWS = 10_000
SELECT = """
SELECT * FROM audit
WHERE (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(action)s::text IS NULL OR action = %(action)s)
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
    AND at >= coalesce(%(since)s::timestamptz, '-infinity') AND at < coalesce(%(until)s::timestamptz, 'infinity')
"""
DAY = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command(
    epilog="""\b
Examples:
  numberline audit
  numberline audit --actor ada --outcome refused
  numberline audit --action suppress --since 2026-11-01
  numberline audit --since 2026-11-01 --until 2026-12-01 --out november.csv
"""
)
@click.option("--actor", help="A user id, or operator: and a login name.")
@click.option("--action", help="generate, validate, cancel, suppress, import prefixes, set quota, redrive, ...")
@click.option("--outcome", help="accepted, refused, done or failed.")
@click.option("--since", type=DAY, help="From this day or moment on, UTC.")
@click.option("--until", type=DAY, help="Before this day or moment, UTC.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="Shown, newest first."
)
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, allow_dash=True), help="Write all of it, oldest first."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="By the file's ending without it, else csv.")
def audit(limit: int, out: str | None, format_: str | None, **filters: Any) -> None:
    """Show the audit trail: every request, refusal, cancel and operator's change, or write it to a file.

    It comes from the topic audit, a moment later, while a worker runs.
    """
    for name in ("since", "until"):
        filters[name] = filters[name] and filters[name].replace(tzinfo=UTC)
    if out:
        _export(filters, out, format_of(out, format_, FORMATS))
        return
    with database(load_settings()) as connection, connection.cursor(row_factory=dict_row) as cursor:
        query = SELECT + "ORDER BY at DESC, record_id LIMIT %(limit)s"
        rows = cursor.execute(query, {**filters, "limit": limit}).fetchall()
    table = Table(box=None, pad_edge=False)
    for title in ("when", "who", "what", "of", "outcome", ""):
        table.add_column(title, no_wrap=title in ("when", "of"))  # a part of a task's id helps nobody
    for row in rows:
        about = str(row["details"].get("message") or row["details"].get("source") or "").partition("\n")[0]
        when = f"{row['at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, row["actor"], row["action"], row["subject"], row["outcome"], about)
    screen(200).print(table if rows else "no records")


def _export(filters: dict[str, Any], out: str, format_: str) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), MofNCompleteColumn())
    with (
        database(load_settings()) as connection,
        opened(out) as file,
        Progress(*columns, console=errors, transient=True) as bar,
    ):
        shown, count = bar.add_task(f"writing {out}", total=None), 0
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if format_ == "csv":
            writer.writeheader()
        with connection.cursor(name="numberline_audit", row_factory=dict_row) as cursor:
            cursor.itersize = FETCH_ROWS
            for row in cursor.execute(SELECT + "ORDER BY at, record_id", filters):
                values = {**row, "at": rfc3339(in_milliseconds(row["at"])), "record_id": str(row["record_id"])}
                if format_ == "csv":
                    writer.writerow(values | {"details": json.dumps(row["details"], ensure_ascii=False)})
                else:
                    file.write(json.dumps(values, ensure_ascii=False) + "\n")
                count += 1
                if count % 1000 == 0:
                    bar.update(shown, completed=count)
    say_written(count, "records", out)
