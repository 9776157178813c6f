"""The calls without their connection: what is asked, what an answer means, and when to ask again. No I/O."""

import base64
import json
import random
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from pipeline.errors import NumberlineError
from schemas.identity import IDENTIFIER

TRIES = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 10.0
_NUMBER = re.compile(rb"\+1\d{10}")


@dataclass
class ApiError(NumberlineError):
    """A call that was answered with an error. errors: [{field, message}]."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]]

    def __str__(self) -> str:
        return f"{self.detail} ({self.code})"


@dataclass(frozen=True)
class Call:
    """One call; repeating it changes nothing."""

    method: str
    path: str
    parameters: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request that it is."""
        return client.build_request(
            self.method, self.path, params=self.parameters, json=self.body, headers=self.headers
        )


def post(path: str, body: Mapping[str, Any] | None, key: str | None) -> Call:
    """A POST with a key, which is the body's request_id where that is given: it may be sent again."""
    given = None if body is None else {name: value for name, value in body.items() if value is not None}
    own = (given or {}).get("request_id")
    if key is None and isinstance(own, str) and IDENTIFIER.fullmatch(own):
        key = own  # what is none is for the gateway to refuse
    return Call("POST", path, body=given, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def get(path: str, **parameters: Any) -> Call:
    """A GET; parameters that are None are left out."""
    return Call("GET", path, {name: value for name, value in parameters.items() if value is not None})


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, where it is a good one.  Raises ApiError."""
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise ApiError(
        answer.status_code,
        problem.get("code", "unknown"),
        problem.get("detail", f"the gateway answered {answer.status_code}"),
        problem.get("errors", []),
    )


def pause(attempt: int, answer: httpx.Response | None) -> float | None:
    """Seconds to wait before a call is tried again, None where it is not: it was answered, or tried often enough.

    attempt: from 1. answer: None where none came.
    """
    if attempt >= TRIES or (answer is not None and answer.status_code not in (429, 502, 503, 504)):
        return None
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    if asked.isdecimal():
        return min(float(asked), 60.0)
    return float(min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.0))


def user_of(token: str) -> str:
    """Whose token it is, as it says itself; the gateway alone can tell whether that is true."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


class Lines:
    """The whole lines of an export, however it is cut into parts, and the number that it would go on after."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = self._again = False  # whether there were whole lines; whether the next one was among them
        self.last: str | None = None

    def take(self, part: bytes) -> bytes:
        """The lines that are whole now."""
        text = self._rest + part
        end = text.rfind(b"\n") + 1
        self._rest = text[end:]
        if not end:
            return b""
        start, self._again = text.index(b"\n") + 1 if self._again else 0, False
        self._begun = True
        if found := _NUMBER.search(text, text.rfind(b"\n", 0, end - 1) + 1, end):
            self.last = found[0].decode()
        return text[start:end]

    def cut(self) -> None:
        """The rest of the answer does not come: half a line will come again, whole; and the titles of CSV, where
        there was no number after them yet."""
        self._rest = b""
        self._again = self._begun and self.last is None


class Watching:
    """A task as the gateway tells of it: what to do at each message."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self.position: str | None = None

    def first_messages(self, token: str) -> Iterator[str]:
        """What is to be sent when a connection is open."""
        yield json.dumps({"type": "authenticate", "token": token})
        if self.position is not None:
            yield json.dumps({"type": "resume", "position": self.position})

    def take(self, text: str | bytes) -> bool:
        """Whether the task may have moved, so that its state is worth asking for."""
        message = json.loads(text)
        # that of a new connection is newer than what was missed before it, which may not have been told yet
        if self.position is None or message["type"] != "connection_established":
            self.position = message.get("position") or self.position
        if message["type"] in ("connection_established", "active_tasks"):
            return True
        return bool(message.get("task_id") == self._task_id and message["type"].startswith("task_"))
