"""generate, tasks, cancel: a user's work."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.rows import dict_row
from pydantic import ValidationError
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

from numberline.cli.tokens import check_user
from numberline.client import Client
from numberline.database import database
from numberline.errors import RequestRefused, TaskFailed
from numberline.login import login_name
from numberline.rows import FORMATS, task_rows, write_rows
from numberline.tracing import tracing
from pipeline.settings import Settings, load_settings
from pipeline.views import EXPORTED
from schemas.identity import task_id as task_id_of
from schemas.parse import field_errors
from schemas.requests import LINE_TYPES, CancelRequest, GenerateRequest, ValidateRequest

SHOWN_COLUMNS = ("number", "carrier", "line_type", "state", "country", "timezone")
errors = Console(stderr=True)


USER = click.option(
    "--user", default=login_name, callback=check_user, show_default="your login name", help="Whose task it is."
)


@click.command(
    epilog="""\b
Examples:
  numberline generate --area-code 415 --quantity 1000
  numberline generate --state CA --line-type wireless --quantity 100000 --out numbers.csv
  numberline generate --carrier verizon --area-code 212 --area-code 646 --quantity 500 --format txt --out -
  numberline generate --area-code 415 --quantity 20 --fictional --out fiction.ndjson
"""
)
@click.option("--quantity", "-n", type=int, required=True, help="How many, 1 to 1000000.")
@click.option("--area-code", "-a", multiple=True, help="May be repeated; any area code without it.")
@click.option("--state", multiple=True, help="US state or Canadian province, such as CA. May be repeated.")
@click.option("--country", multiple=True, help="ISO 3166, such as US. May be repeated.")
@click.option("--timezone", multiple=True, help="IANA name, such as America/New_York. May be repeated.")
@click.option("--carrier", multiple=True, help="Part of the operating company's name. May be repeated.")
@click.option("--line-type", multiple=True, type=click.Choice(LINE_TYPES), help="May be repeated.")
@click.option("--fictional", is_flag=True, help="Only NPA-555-0100 to 0199, set aside for fiction.")
@click.option("--seed", type=int, help="Same seed, same request, same ledger: same numbers.")
@click.option("--partial", is_flag=True, help="Take what there is, where fewer numbers are left than asked for.")
@click.option("--validate", "auto_validate", is_flag=True, help="Store a verdict with each number.")
@click.option("--batch-size", type=int, default=5000, show_default=True, help="Numbers a batch, 100 to 10000.")
@click.option("--name", "task_name", help="A name for the task.")
@click.option("--project", "project_id", help="The project that the numbers belong to.")
@click.option("--request-id", help="Sent again with the same id, a request is the same task.")
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, allow_dash=True), help="A file, or - for standard output."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), help="By the file's ending without it, else csv.")
@USER
def generate(out: str | None, format_: str | None, partial: bool, **fields: Any) -> None:
    """Ask for numbers, watch them come, and write them to a file.

    Exit status 0 only when every number asked for was delivered (or, with --partial, all that there are).
    """
    settings = load_settings()
    request = build_request(fields, "partial" if partial else "fail")
    ending = asyncio.run(follow(settings, request, request.quantity))
    delivered = ending["result_data"]["total_generated"]
    task = task_id_of(request.user_id, request.request_id)
    if out:
        write_rows_to(settings, lambda rows: task_rows(rows, task), None, delivered, out, format_of(out, format_))
    else:
        _show_first(settings, task, delivered)


def build_request(fields: dict[str, Any], on_shortfall: str) -> GenerateRequest:
    """The request that the options describe.  Raises a click error naming each broken one."""
    body = {
        "request_id": fields["request_id"] or uuid.uuid4().hex,
        "user_id": fields["user"],
        "quantity": fields["quantity"],
        "area_codes": list(fields["area_code"]),
        "states": list(fields["state"]),
        "countries": list(fields["country"]),
        "timezones": list(fields["timezone"]),
        "carriers": list(fields["carrier"]),
        "line_types": list(fields["line_type"]),
        "fictional": fields["fictional"],
        "auto_validate": fields["auto_validate"],
        "batch_size": fields["batch_size"],
        "seed": fields["seed"],
        "task_name": fields["task_name"],
        "project_id": fields["project_id"],
        "on_shortfall": on_shortfall,
    }
    try:
        return GenerateRequest.model_validate(body)
    except ValidationError as error:
        found = field_errors(GenerateRequest, error, body)
        raise click.UsageError("\n".join(f"{one.field} {one.message}" for one in found)) from None


async def follow(
    settings: Settings, request: GenerateRequest | ValidateRequest, total: int | None = None
) -> dict[str, Any]:
    """Submit and follow to the end, which is returned.  Raises TaskFailed, RequestRefused.

    total: how many numbers it is about, where that is known before it is planned.
    """
    task = task_id_of(request.user_id, request.request_id)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        tracing(settings, "command") as spans,
        spans.command(f"numberline {request.type}", os.environ),
        Progress(*columns, console=errors, transient=not errors.is_terminal) as bar,
    ):
        shown = bar.add_task(f"task {task}", total=total)
        async with Client.connected(settings, request.user_id, spans) as client:
            await client.submit(request)
            async for message in client.of_task(task, request.request_id):
                if message is None:
                    if ended := _ended(settings, task):  # the same request, sent before
                        message = ended
                    else:
                        bar.update(shown, description=f"task {task}, waiting for a worker")
                        continue
                check_message(message)
                if message["type"] == "task_started":
                    bar.update(shown, total=message["task"]["quantity"])
                elif message["type"] == "task_progress":
                    bar.update(shown, completed=message["processed_items"], description=f"task {task}")
                elif message["type"] == "task_completed":
                    bar.update(shown, completed=done_of(message["result_data"]))
                    return message
    raise AssertionError("the messages of a task end with its ending")


def _ended(settings: Settings, task: str) -> dict[str, Any] | None:
    """The ending of a task that ended before it was watched, as the gateway would have told it."""
    with database(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT * FROM tasks WHERE task_id = %s", (task,)).fetchone()
    if row is None or row["status"] not in ("completed", "failed", "cancelled"):
        return None
    error = row["error"] or {}
    return {
        "type": f"task_{row['status']}",
        "task_id": task,
        "result_data": row["result_data"],
        "error": error,
        "error_message": error.get("message"),
    }


def check_message(message: dict[str, Any]) -> None:
    """Raise what a failing message says: TaskFailed or RequestRefused."""
    if message["type"] == "task_failed":
        raise TaskFailed(message["task_id"], "failed", _with_fields(message))
    if message["type"] == "task_cancelled":
        raise TaskFailed(message["task_id"], "was cancelled", _stays(message["result_data"]))
    if message["type"] == "error":
        raise RequestRefused(message["code"], message["message"], message.get("details"))


def done_of(result: dict[str, Any]) -> int:
    """Numbers that a task has dealt with, by its result_data."""
    if "total_generated" in result:
        return int(result["total_generated"])
    return int(result["validated_count"] + result["error_count"])


def _stays(result: dict[str, Any]) -> str:
    what = "delivered" if "total_generated" in result else "judged"
    return f"{done_of(result):,} numbers were {what}, and stay"


def _with_fields(message: dict[str, Any]) -> str:
    fields = (message["error"].get("details") or {}).get("errors")
    if not fields:
        return str(message["error_message"])
    return "".join(f"\n  {one['field']}: {one['message']}" for one in fields)


def format_of(out: str, given: str | None) -> str:
    """The format of a file: as given, else by its ending."""
    ending = Path(out).suffix.lstrip(".")
    return given or (ending if ending in FORMATS else "csv")


def write_rows_to(
    settings: Settings,
    rows: Callable[[psycopg.Connection[Any]], Iterator[dict[str, Any]]],
    columns: Sequence[str] | None,
    total: int,
    out: str,
    format_: str,
) -> None:
    """Write rows to a file, or to standard output for `-`. columns: of CSV; those of a task's numbers without."""
    target = nullcontext(sys.stdout) if out == "-" else Path(out).open("w", encoding="utf-8", newline="")  # noqa: SIM115
    with database(settings) as connection, target as file, Progress(console=errors, transient=True) as bar:
        shown = bar.add_task(f"writing {out}", total=total)
        count = write_rows(
            rows(connection), format_, file, lambda n: bar.update(shown, advance=n), columns or EXPORTED
        )
    errors.print(f"{count:,} numbers written to {'standard output' if out == '-' else out}")


def _show_first(settings: Settings, task: str, total: int) -> None:
    with database(settings) as connection:
        Console().print(rows_table(list(task_rows(connection, task, 5))))
    errors.print(f"{total:,} numbers are in PostgreSQL: SELECT * FROM phone_numbers WHERE task_id = '{task}'")


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


@click.command(
    epilog="\b\nExamples:\n  numberline tasks\n  numberline tasks --active --user demo\n  numberline tasks --json\n"
)
@click.option("--user", help="One user's alone.")
@click.option("--active", is_flag=True, help="Only those that have not ended.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def tasks(user: str | None, active: bool, limit: int, as_json: bool) -> None:
    """List tasks, newest first."""
    query = """
        SELECT * FROM tasks
        WHERE (%(user)s::text IS NULL OR user_id = %(user)s)
            AND (NOT %(active)s OR status IN ('pending', 'running'))
        ORDER BY created_at DESC, task_id LIMIT %(limit)s
    """
    with database(load_settings()) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, {"user": user, "active": active, "limit": limit}).fetchall()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, default=str))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("task", "user", "status", "numbers", "of", "created", "name or error"):
        whole = title in ("task", "status")  # an id is for copying
        table.add_column(title, no_wrap=whole, min_width=36 if title == "task" else None)
    for row in rows:
        about = (row["error"] or {}).get("message") or row["task_name"] or ""
        table.add_row(
            str(row["task_id"]),
            row["user_id"],
            row["status"],
            f"{row['succeeded']:,}",
            f"{row['quantity']:,}",
            f"{row['created_at']:%Y-%m-%d %H:%M:%S}",
            about,
        )
    Console().print(table if rows else "no tasks")


@click.command(epilog="\b\nExample:\n  numberline cancel 67c37db2-5f46-5504-a1ae-9fe9d23fa812\n")
@click.argument("task_id", metavar="ID", type=click.UUID)
@click.option(
    "--user", callback=lambda c, p, v: v and check_user(c, p, v), help="Whose task it is, if not yet listed."
)
def cancel(task_id: uuid.UUID, user: str | None) -> None:
    """End a task: no more of it is begun, what was delivered stays."""
    settings = load_settings()
    owner = user or owner_of(settings, task_id)
    request = CancelRequest(request_id=f"cancel-{uuid.uuid4().hex}", user_id=owner, task_id=str(task_id))
    message = asyncio.run(_cancel(settings, request))
    if message["type"] == "task_cancelled":
        click.echo(f"cancelled; {_stays(message['result_data'])}")
    elif message["type"] == "task_completed":
        click.echo("it was complete before it could be cancelled")
    else:
        check_message(message)


def owner_of(settings: Settings, task_id: uuid.UUID) -> str:
    """Whose task it is.  Raises a click error where it is not known."""
    with database(settings) as connection:
        row = connection.execute("SELECT user_id FROM tasks WHERE task_id = %s", (task_id,)).fetchone()
    if row is None:
        raise click.UsageError(f"no task {task_id} is known; name its user with --user")
    return str(row[0])


async def _cancel(settings: Settings, request: CancelRequest) -> dict[str, Any]:
    async with Client.connected(settings, request.user_id) as client:
        await client.submit(request)
        return await client.ending(request.task_id, request.request_id)
