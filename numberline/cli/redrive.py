"""redrive: the one repair for whatever of a task was lost on its way."""

import asyncio
import time
import uuid
from typing import Any

import click
from psycopg.rows import dict_row

from numberline import audit
from numberline.database import database
from numberline.kafka import kafka_producer
from pipeline.settings import Settings, load_settings
from schemas import codec, topics
from schemas.events import RedriveRequested
from schemas.partitions import partition_for

WAIT_SECONDS = 15.0
PAUSE_SECONDS = 0.25

ACTIVE = "SELECT * FROM tasks WHERE status IN ('pending', 'running') ORDER BY created_at"
CHOSEN = "SELECT * FROM tasks WHERE task_id = ANY(%s) ORDER BY created_at"


@click.command(
    epilog="""\b
Examples:
  numberline redrive 67c37db2-5f46-5504-a1ae-9fe9d23fa812
  numberline redrive --active
"""
)
@click.argument("task_ids", metavar="[ID]...", nargs=-1, type=click.UUID)
@click.option("--active", is_flag=True, help="All tasks that have not ended.")
@click.option("--no-wait", is_flag=True, help="Do not wait to see them move.")
def redrive(task_ids: tuple[uuid.UUID, ...], active: bool, no_wait: bool) -> int:
    """Send again whatever of a task is in flight.

    For a task that stands still because records expired unread, or were skipped or deleted. It is harmless at
    any time: what was done before is recognized. Exit status 1 where a task does not move.
    """
    if bool(task_ids) == active:
        raise click.UsageError("name tasks, or say --active for all that have not ended")
    settings = load_settings()
    found = _tasks(settings, task_ids)
    if missing := {str(one) for one in task_ids} - {str(row["task_id"]) for row in found}:
        raise click.UsageError(f"no task {', '.join(sorted(missing))} is known: `numberline tasks` lists them")
    for row in found:
        if row["status"] not in ("pending", "running"):
            click.echo(f"{row['task_id']} is {row['status']}: nothing of it is in flight")
    running = [row for row in found if row["status"] in ("pending", "running")]
    asyncio.run(_send(settings, running))
    records = (audit.entry("redrive", str(row["task_id"]), {"user_id": row["user_id"]}) for row in running)
    asyncio.run(audit.leave(settings, *records))
    click.echo(f"{len(running)} redriven")
    return 0 if no_wait or not running else _watch(settings, running)


def _tasks(settings: Settings, task_ids: tuple[uuid.UUID, ...]) -> list[dict[str, Any]]:
    """These tasks, or without ids those that have not ended."""
    with database(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        if task_ids:
            return cursor.execute(CHOSEN, (list(task_ids),)).fetchall()
        return cursor.execute(ACTIVE).fetchall()


async def _send(settings: Settings, tasks: list[dict[str, Any]]) -> None:
    topic = topics.topic_name(settings.namespace, topics.TASK_EVENTS)
    async with kafka_producer(settings) as producer:
        partitions = len(await producer.partitions_for(topic))
        for row in tasks:
            user = row["user_id"]
            event = RedriveRequested(str(row["task_id"]), user)
            await producer.send_and_wait(
                topic, codec.encode(event), user.encode(), partition=partition_for(user, partitions)
            )


def _watch(settings: Settings, before: list[dict[str, Any]]) -> int:
    """Say of each task that it moves; the exit status."""
    waiting = {row["task_id"]: (row["status"], row["batches_done"]) for row in before}
    deadline = time.monotonic() + WAIT_SECONDS
    while waiting and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        for row in _tasks(settings, tuple(waiting)):
            if (row["status"], row["batches_done"]) != waiting[row["task_id"]]:
                del waiting[row["task_id"]]
                numbers = f"{row['succeeded']:,} of {row['quantity']:,} numbers"
                click.echo(f"{row['task_id']} moves: {row['status']}, {numbers}")
    for task in waiting:
        click.echo(f"{task} has not moved within {WAIT_SECONDS:g} s: is a worker running?", err=True)
    return 1 if waiting else 0
