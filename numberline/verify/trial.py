"""What users do, once each: a generation, a validation, a refusal, a cancel, and a socket that resumes."""

import uuid
from typing import Any

from numberline.client import Client
from numberline.database import database
from numberline.rows import task_rows
from numberline.verify.check import Broken
from pipeline.settings import Settings
from schemas.identity import task_id
from schemas.requests import CancelRequest, GenerateRequest, Request, ValidateRequest

USER = "numberline-verify"
NUMBERS = 10
LOGS = "The logs of workers and gateway say more."


class Trial:
    """The tries in their order: later ones use what earlier ones have got."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._position: str | None = None
        self._refused = ""

    async def generation(self, settings: Settings) -> str:
        """Ten numbers with a verdict each, reported and stored."""
        request = GenerateRequest(request_id=_id(), user_id=USER, quantity=NUMBERS, auto_validate=True)
        message = await _ending(settings, request)
        _expect(message, "task_completed", "a generation of 10 numbers")
        self._position = message["position"]
        with database(settings) as connection:
            rows = list(task_rows(connection, task_id(USER, request.request_id)))
        self._numbers = [row["number"] for row in rows]
        valid = sum(row["is_valid"] for row in rows)
        if len(set(self._numbers)) != NUMBERS or valid != NUMBERS:
            raise Broken(
                f"{NUMBERS} numbers were reported, {len(rows)} are in PostgreSQL, {valid} of them valid", LOGS
            )
        version = message["result_data"]["prefix_data_version"]
        return f"{NUMBERS} numbers of version {version} reported, stored and valid, the first {self._numbers[0]}"

    async def validation(self, settings: Settings) -> str:
        """One of them and what is no number."""
        given = (self._numbers[0], "no number")
        message = await _ending(settings, ValidateRequest(request_id=_id(), user_id=USER, numbers=given))
        _expect(message, "task_completed", "a validation")
        reasons = message["result_data"]["reasons"]
        if reasons != {"valid": 1, "not_a_number": 1}:
            raise Broken(f"{given[0]} and a text that is no number were judged {reasons}", LOGS)
        return f"{given[0]} is valid, a text is not_a_number"

    async def refusal(self, settings: Settings) -> str:
        """A request that breaks a rule."""
        request = GenerateRequest(request_id=_id(), user_id=USER, quantity=1, area_code="211")
        message = await _ending(settings, request)
        _expect(message, "task_failed", "a request for area code 211")
        self._refused = message["task_id"]
        return str(message["error_message"])

    async def cancel(self, settings: Settings) -> str:
        """One that comes before its task, so that no number is spent."""
        request = GenerateRequest(request_id=_id(), user_id=USER, quantity=NUMBERS)
        task = task_id(USER, request.request_id)
        answer = await _ending(settings, CancelRequest(request_id=_id(), user_id=USER, task_id=task))
        if answer.get("code") != "unknown_task":
            raise Broken(f"a cancel of a task to come was answered by {answer}", LOGS)
        message = await _ending(settings, request)
        _expect(message, "task_cancelled", "a task that was cancelled before it came")
        return "a task cancelled before it came ended without a number"

    async def resume(self, settings: Settings) -> str:
        """A new connection hears of what came after the generation."""
        assert self._position is not None
        async with Client.connected(settings, USER) as client:
            await client.resume(self._position)
            while (message := await client.next_message()) is not None:
                if message["type"] == "error":
                    raise Broken(f"resuming was answered by {message['code']}: {message['message']}", LOGS)
                if message.get("task_id") == self._refused:
                    return "a new connection heard of what came since the generation"
        raise Broken("a new connection did not hear of what came since the generation", LOGS)


def _id() -> str:
    return f"verify-{uuid.uuid4().hex}"


async def _ending(settings: Settings, request: Request) -> dict[str, Any]:
    async with Client.connected(settings, USER) as client:
        await client.submit(request)
        return await client.ending(task_id(USER, request.request_id), request.request_id)


def _expect(message: dict[str, Any], type_: str, what: str) -> None:
    if message["type"] != type_:
        why = message.get("error_message") or message.get("message") or ""
        raise Broken(f"{what} was answered by {message['type']}{': ' if why else ''}{why}", LOGS)
