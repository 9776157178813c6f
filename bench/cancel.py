"""`python -m bench.cancel`: from a cancel's request to the last row of its task, while a million runs.

Both moments are the broker's: the time at which it appended the request, and the last BatchStored of the task,
which the store sends when the rows are committed. So the figure is an upper bound.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import uuid
from pathlib import Path

import click
import psycopg
from rich.console import Console

from bench.about import about
from bench.errors import BenchError
from bench.sizes import MILLION_AREA_CODES
from bench.stats import median, percentile
from bench.system import System, installed, servers
from numberline.client import Client
from numberline.records import read_to_end
from schemas import codec, topics
from schemas.events import BatchStored
from schemas.identity import task_id
from schemas.requests import CancelRequest, GenerateRequest

QUANTITY = 1_000_000
FIRST_ROWS = 50_000  # the task is under way
SECONDS = 120.0
USER = "bench-cancel"

console = Console(stderr=True, highlight=False)


@click.command(epilog="\b\nExample:\n  python -m bench.cancel --samples 20\n")
@click.option("--samples", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")
def cancel(samples: int, out: Path | None) -> None:
    """Cancel tasks of a million numbers one after the other, on a system of its own that is removed at the end."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-cancel-")))
        kafka, postgres = stack.enter_context(servers(state, console.print))
        system = stack.enter_context(installed(kafka, postgres, state, console.print))
        described = about(system, state, sys.argv[1:])
        found = [asyncio.run(_sample(system)) for _ in range(samples)]
    text = f"median {median(found):.3f} s, p95 {percentile(found, 95):.3f} s, slowest {max(found):.3f} s"
    click.echo(f"{samples} cancels, request to last row: {text}; every count exact")
    if out:
        out.write_text(json.dumps({"about": described, "seconds": found}, indent=2) + "\n")


async def _sample(system: System) -> float:
    """Seconds from one cancel to the last row of its task.  Raises BenchError where a count is not exact."""
    settings = system.settings
    request = GenerateRequest(
        request_id=uuid.uuid4().hex, user_id=USER, quantity=QUANTITY, area_codes=MILLION_AREA_CODES
    )
    task = task_id(USER, request.request_id)
    ask = CancelRequest(request_id=uuid.uuid4().hex, user_id=USER, task_id=task)
    asked = False
    async with asyncio.timeout(SECONDS), Client.connected(settings, USER) as client:
        await client.submit(request)
        async for message in client.of_task(task, request.request_id):
            if not asked and message and message.get("processed_items", 0) >= FIRST_ROWS:
                asked = True
                await client.submit(ask)
    assert message is not None
    if message["type"] != "task_cancelled":
        raise BenchError(f"the task ended as {message['type']} before it could be cancelled")
    delivered = message["result_data"]["total_generated"]
    with psycopg.connect(system.database_url) as connection:
        query = "SELECT count(*) FROM numbers JOIN batches USING (batch_id) WHERE task_id = %s"
        ((rows,),) = connection.execute(query, (task,)).fetchall()
    if rows != delivered:
        raise BenchError(f"{delivered} numbers were reported of task {task}, {rows} are stored")
    return (await _last_stored(system, task) - await _appended(system, ask)) / 1000


async def _appended(system: System, ask: CancelRequest) -> int:
    """When the broker appended the request, ms since the epoch."""
    name = topics.topic_name(system.settings.namespace, topics.REQUESTS)
    async for record in read_to_end(system.settings, name):
        if ask.request_id.encode() in (record.value or b""):
            return int(record.timestamp)
    raise BenchError("the cancel's request is not on its topic")


async def _last_stored(system: System, task: str) -> int:
    """When the broker appended the last BatchStored of a task, ms since the epoch."""
    last = 0
    async for record in read_to_end(
        system.settings, topics.topic_name(system.settings.namespace, topics.TASK_EVENTS)
    ):
        event = codec.decode(record.value)
        if isinstance(event, BatchStored) and event.task_id == task:
            last = max(last, record.timestamp)
    return last


if __name__ == "__main__":
    cancel()
