"""The numbers of a task out of PostgreSQL, as rows and as files."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

import psycopg
from psycopg.rows import dict_row

from pipeline.views import EXPORTED

RUN_COLUMNS = (
    *("position", "given", "number", "duplicate_of", "is_valid", "validation_reason", "validation_source"),
    *("carrier", "line_type", "state", "country", "timezone", "block", "prefix_data_version"),
    *("external_line_type", "external_carrier", "external_error", "rate_center", "validated_at"),
)
FORMATS = ("csv", "ndjson", "txt")
FETCH_ROWS = 10_000

# RFC 3339 in UTC, as everywhere
VALIDATED_AT = "to_char(validated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS validated_at"


def _selected(columns: Sequence[str]) -> str:
    return ", ".join(VALIDATED_AT if column == "validated_at" else column for column in columns)


# batch by batch, so that rows come in a fixed order without sorting the whole task
SELECT_TASK = f"""
SELECT {_selected(EXPORTED)} FROM phone_numbers WHERE task_id = %s
"""

SELECT_RUN = f"""
SELECT {_selected(RUN_COLUMNS)} FROM validations WHERE task_id = %s ORDER BY position
"""


def task_rows(
    connection: psycopg.Connection[Any], task_id: str, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a task, fetched as they are used."""
    with connection.cursor(name="numberline_export", row_factory=dict_row) as cursor:
        cursor.itersize = FETCH_ROWS
        cursor.execute(SELECT_TASK + ("LIMIT %s" if limit else ""), (task_id, limit) if limit else (task_id,))
        yield from cursor


def run_rows(connection: psycopg.Connection[Any], task_id: str) -> Iterator[dict[str, Any]]:
    """The list that a validation judged, in the order given, duplicates marked; at most 10,000 rows."""
    with connection.cursor(row_factory=dict_row) as cursor:
        yield from cursor.execute(SELECT_RUN, (task_id,))


def write_rows(
    rows: Iterator[dict[str, Any]],
    format_: str,
    out: TextIO,
    each: Callable[[int], None],
    columns: Sequence[str] = EXPORTED,
) -> int:
    """Write rows as csv, ndjson or txt (the number alone); how many. each: told of every thousand rows."""
    write = {"csv": lambda file: _csv(file, columns), "ndjson": _ndjson, "txt": _txt}[format_](out)
    count = 0
    for count, row in enumerate(rows, 1):
        write(row)
        if count % 1000 == 0:
            each(1000)
    each(count % 1000)
    return count


Writer = Callable[[dict[str, Any]], Any]


def _csv(out: TextIO, columns: Sequence[str]) -> Writer:
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    return writer.writerow


def _ndjson(out: TextIO) -> Writer:
    return lambda row: out.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n")


def _txt(out: TextIO) -> Writer:
    return lambda row: out.write((row["number"] or "") + "\n")
