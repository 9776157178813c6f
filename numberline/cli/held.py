"""What `validate` does with numbers that an installation holds: requests as any user's, followed to their end."""

import asyncio
import uuid
from collections import Counter
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console

from numberline.changes import touched
from numberline.cli.following import follow
from numberline.cli.screen import misused
from numberline.database import database
from numberline.errors import RequestRefused, TaskFailed
from pipeline.settings import Settings
from schemas.parse import field_errors
from schemas.requests import ValidateRequest

errors = Console(stderr=True)


def judge_held(settings: Settings, user: str, **named: Any) -> Counter[str]:
    """Reason -> how many of a task (task_id) or a project (project_id).  Raises TaskFailed, RequestRefused."""
    body = {"request_id": uuid.uuid4().hex, "user_id": user, **named}
    try:
        request = ValidateRequest.model_validate(body)
    except ValidationError as error:
        raise misused(field_errors(ValidateRequest, error, body)) from None
    ending = asyncio.run(follow(settings, request))
    return Counter(ending["result_data"]["reasons"])


def judge_changed(settings: Settings, since: int, user: str | None, yes: bool) -> Counter[str]:
    """Offer to judge again all tasks that a change of the prefix data touches.  Raises TaskFailed at the end
    where one could not be judged."""
    with errors.status("comparing the versions"), database(settings) as connection:
        version, found = touched(connection, since, user)
    if not found:
        errors.print(f"nothing that is held changed between versions {since} and {version}, or it was judged since")
        return Counter()
    numbers, users = sum(one.count for one in found), len({one.user_id for one in found})
    question = (
        f"{numbers:,} numbers, in {len(found):,} tasks of {users:,} users, lie in blocks that changed between "
        f"versions {since} and {version}.\nJudge these tasks again?"
    )
    if not yes:
        click.confirm(question, abort=True, err=True)
    counts: Counter[str] = Counter()
    failed: list[str] = []
    for one in found:
        try:
            counts += judge_held(settings, one.user_id, task_id=one.task_id)
        except (TaskFailed, RequestRefused) as error:
            failed.append(f"{one.task_id}: {error}")
    if failed:
        raise click.ClickException("\n".join([f"{len(failed)} of {len(found)} tasks were not judged:", *failed]))
    return counts
