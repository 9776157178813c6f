"""verify: does the running system work, part by part."""

import asyncio
import sys
import uuid
from collections.abc import Callable
from typing import Any

import click

from agents.preflight import preflight
from numberline.cli.tasks import check_message
from numberline.client import Client
from numberline.rows import database, task_rows
from numberline.setup.newest import newest_migration
from pipeline.errors import NumberlineError
from pipeline.settings import Settings, load_settings
from schemas.identity import task_id
from schemas.requests import GenerateRequest

WAIT_SECONDS = 60
NUMBERS = 10
USER = "numberline-verify"


@click.command()
def verify() -> None:
    """Run one small generation through the running system, and say of each part whether it works.

    It gives out 10 real numbers to the user numberline-verify, with a verdict on each. Exit status 1 where a
    part does not work.
    """
    settings = load_settings()
    parts: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("broker, topics, tables, ledger", _preflight),
        ("gateway, worker, generation, validation", _generation),
        ("a broken request is refused", _refusal),
    )
    works = [_tell(name, part, settings) for name, part in parts]  # each of them, whatever the first says
    sys.exit(0 if all(works) else 1)


def _tell(name: str, part: Callable[[Settings], str], settings: Settings) -> bool:
    try:
        text = part(settings)
    except NumberlineError as error:
        click.echo(f"{click.style('FAILS', fg='red')} {name}: {error}")
        return False
    except TimeoutError:
        click.echo(f"{click.style('FAILS', fg='red')} {name}: no end within {WAIT_SECONDS} s; is a worker running?")
        return False
    click.echo(f"{click.style('works', fg='green')} {name}: {text}")
    return True


def _preflight(settings: Settings) -> str:
    return f"{asyncio.run(preflight(settings, newest_migration()))} partitions"


def _generation(settings: Settings) -> str:
    request = GenerateRequest(
        request_id=f"verify-{uuid.uuid4().hex}", user_id=USER, quantity=NUMBERS, auto_validate=True
    )
    check_message(asyncio.run(_ending(settings, request)))
    with database(settings) as connection:
        rows = list(task_rows(connection, task_id(USER, request.request_id)))
    valid = sum(row["is_valid"] for row in rows)
    if len({row["number"] for row in rows}) != NUMBERS or valid != NUMBERS:
        raise NumberlineError(
            f"{NUMBERS} numbers were reported, {len(rows)} are in PostgreSQL, {valid} of them valid"
        )
    return f"{NUMBERS} numbers asked for, reported, stored and valid, the first {rows[0]['number']}"


def _refusal(settings: Settings) -> str:
    request = GenerateRequest(request_id=f"verify-{uuid.uuid4().hex}", user_id=USER, quantity=1, area_code="211")
    message = asyncio.run(_ending(settings, request))
    if message["type"] != "task_failed":
        raise NumberlineError(f"area code 211 was answered by {message['type']}")
    return str(message["error_message"])


async def _ending(settings: Settings, request: GenerateRequest) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS), Client.connected(settings, USER) as client:
        await client.submit(request)
        return await client.ending(task_id(USER, request.request_id), request.request_id)
