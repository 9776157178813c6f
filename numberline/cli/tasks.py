"""generate, tasks, cancel: a user's work."""

import asyncio
import json
import uuid
from typing import Any

import click
from psycopg.rows import dict_row
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from numberline.cli.files import format_of, write_rows_to
from numberline.cli.following import check_message, follow, stays
from numberline.cli.screen import misused, plain, rows_table
from numberline.cli.tokens import check_user
from numberline.client import Client
from numberline.database import database
from numberline.login import login_name
from numberline.rows import FORMATS, task_rows
from pipeline.settings import Settings, load_settings
from schemas.identity import task_id as task_id_of
from schemas.parse import field_errors
from schemas.requests import LINE_TYPES, CancelRequest, GenerateRequest

errors = Console(stderr=True)
# title -> the least width, in characters; an id is for copying
COLUMNS = {"task": 36, "user": 4, "status": 9, "numbers": 9, "created": 19, "name or error": 10}
WIDE = 110  # columns of a screen that has room for when each was created
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
@click.option("--batch-size", type=int, help="Numbers a batch, 100 to 10000; without it 5000, of large tasks more.")
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
        raise misused(field_errors(GenerateRequest, error, body)) from None


def _show_first(settings: Settings, task: str, total: int) -> None:
    with database(settings) as connection:
        console = plain()
        console.print(rows_table(list(task_rows(connection, task, 5)), console.width))
    errors.print(f"{total:,} numbers are in PostgreSQL: SELECT * FROM phone_numbers WHERE task_id = '{task}'")


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
    console = plain()
    shown = [title for title in COLUMNS if title != "created" or console.width >= WIDE]  # they are in that order
    table = Table(box=None, pad_edge=False)
    for title in shown:
        table.add_column(title, no_wrap=title in ("task", "status"), min_width=COLUMNS[title])
    for row in rows:
        of = f" of {row['quantity']:,}" if row["succeeded"] != row["quantity"] else ""
        cells = {
            "task": str(row["task_id"]),
            "user": row["user_id"],
            "status": row["status"],
            "numbers": f"{row['succeeded']:,}{of}",
            "created": f"{row['created_at']:%Y-%m-%d %H:%M:%S}",
            "name or error": (row["error"] or {}).get("message") or row["task_name"] or "",
        }
        table.add_row(*(cells[title] for title in shown))
    console.print(table if rows else "no tasks")


@click.command(epilog="\b\nExample:\n  numberline cancel 67c37db2-5f46-5504-a1ae-9fe9d23fa812\n")
@click.argument("task_id", metavar="ID", type=click.UUID)
@click.option("--user", callback=check_user, help="Whose task it is, if not yet listed.")
def cancel(task_id: uuid.UUID, user: str | None) -> None:
    """End a task: no more of it is begun, what was delivered stays."""
    settings = load_settings()
    owner = user or owner_of(settings, task_id)
    request = CancelRequest(request_id=f"cancel-{uuid.uuid4().hex}", user_id=owner, task_id=str(task_id))
    message = asyncio.run(_cancel(settings, request))
    if message["type"] == "task_cancelled":
        click.echo(f"cancelled; {stays(message['result_data'])}")
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
