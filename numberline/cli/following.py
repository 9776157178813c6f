"""Following a task on the screen, from its request to its end."""

import os
from typing import Any

from psycopg.rows import dict_row
from rich.console import Console

from numberline.cli.screen import progress_bar
from numberline.client import Client
from numberline.database import database
from numberline.errors import RequestRefused, TaskFailed
from numberline.tracing import tracing
from pipeline.settings import Settings
from schemas.identity import task_id as task_id_of
from schemas.requests import GenerateRequest, ValidateRequest

errors = Console(stderr=True)


async def follow(
    settings: Settings, request: GenerateRequest | ValidateRequest, total: int | None = None
) -> dict[str, Any]:
    """Submit and follow to the end, which is returned.  Raises TaskFailed, RequestRefused.

    total: how many numbers it is about, where that is known before it is planned.
    """
    task = task_id_of(request.user_id, request.request_id)
    with (
        tracing(settings, "command") as spans,
        spans.command(f"numberline {request.type}", os.environ),
        progress_bar(errors, transient=not errors.is_terminal) as bar,
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
        raise TaskFailed(message["task_id"], "was cancelled", stays(message["result_data"]))
    if message["type"] == "error":
        raise RequestRefused(message["code"], message["message"], message.get("details"))


def done_of(result: dict[str, Any]) -> int:
    """Numbers that a task has dealt with, by its result_data."""
    if "total_generated" in result:
        return int(result["total_generated"])
    return int(result["validated_count"] + result["error_count"])


def stays(result: dict[str, Any]) -> str:
    """What a task that was cut short leaves."""
    what = "delivered" if "total_generated" in result else "judged"
    return f"{done_of(result):,} numbers were {what}, and stay"


def _with_fields(message: dict[str, Any]) -> str:
    fields = (message["error"].get("details") or {}).get("errors")
    if not fields:
        return str(message["error_message"])
    return "".join(f"\n  {one['field']}: {one['message']}" for one in fields)
