"""What `make run` shows: a request onto Kafka, its progress from the WebSocket, its rows out of PostgreSQL."""

import asyncio
import time
import uuid
from typing import Any

from rich.console import Console

from numberline.cli.following import check_message
from numberline.cli.screen import rows_table
from numberline.client import Client
from numberline.database import database
from numberline.rows import task_rows
from pipeline.settings import Settings
from schemas.identity import task_id
from schemas.requests import GenerateRequest

USER = "demo"
FIRST_ROWS = 8


def run_demo(settings: Settings, quantity: int, console: Console) -> None:
    """Submit one generation as user demo and show its way.  Raises TaskFailed."""
    request = GenerateRequest(
        request_id=f"demo-{uuid.uuid4().hex[:12]}", user_id=USER, quantity=quantity, task_name="Demonstration"
    )
    asyncio.run(_follow(settings, request, console))
    with database(settings) as connection:
        rows = list(task_rows(connection, task_id(USER, request.request_id), FIRST_ROWS))
    console.print(f"\nThe first {len(rows)} of {quantity:,} rows in PostgreSQL:")
    console.print(rows_table(rows, console.width))


async def _follow(settings: Settings, request: GenerateRequest, console: Console) -> None:
    task = task_id(USER, request.request_id)
    async with Client.connected(settings, USER) as client:
        started = time.perf_counter()
        await client.submit(request)
        console.print(f"\nSubmitted {request.quantity:,} numbers to {settings.namespace}.requests")
        console.print(f"  task     {task}")
        async for message in client.of_task(task, request.request_id):
            if message is None:
                continue
            check_message(message)
            console.print(f"  [dim]{time.perf_counter() - started:6.3f} s[/]  {_words(message)}")


def _words(message: dict[str, Any]) -> str:
    match message["type"]:
        case "task_progress":
            total = message["total_items"]
            return f"task_progress   {message['progress']:5.1f} %  {message['processed_items']:>7,} of {total:,}"
        case "task_completed":
            result = message["result_data"]
            return (
                f"task_completed  {result['total_generated']:,} numbers in {len(result['area_codes'])} area codes"
            )
        case other:
            return str(other)
