"""Requests as tests send them, and how one is refused."""

import json
from typing import Any

import pytest

from schemas import codec, events
from schemas.parse import RequestInvalid, parse_request

GENERATE: dict[str, Any] = {"type": "generate", "request_id": "r-1", "user_id": "demo", "quantity": 10}
TASK = "f3b1c2d4-0000-5000-8000-0123456789ab"
CANCEL: dict[str, Any] = {"type": "cancel", "request_id": "c-1", "user_id": "demo", "task_id": TASK}
EVERYTHING: dict[str, Any] = {
    **GENERATE,
    "project_id": "spring",
    "task_name": "Ünïcode name",
    "batch_size": 100,
    "area_codes": ["415", "628"],
    "states": ["CA"],
    "countries": ["US"],
    "timezones": ["America/Los_Angeles"],
    "carriers": ["verizon"],
    "line_types": ["wireless"],
    "auto_validate": True,
    "seed": -7,
    "on_shortfall": "partial",
    "fictional": False,
}
TEXT_200 = "must be text of 1 to 200 characters without control characters"


def in_json(fields: dict[str, Any]) -> bytes:
    """A request as JSON."""
    return json.dumps(fields).encode()


def in_avro(fields: dict[str, Any]) -> bytes:
    """A request as Avro."""
    name = {"generate": "GenerateRequest", "cancel": "CancelRequest"}[fields["type"]]
    schema = codec.schema_files()[name][-1]
    return codec.encode_fields(name, {field["name"]: fields.get(field["name"]) for field in schema["fields"]})


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """A request that lacks a field."""
    return {key: value for key, value in fields.items() if key != name}


def refused(value: bytes | None) -> RequestInvalid:
    """How a request is refused."""
    with pytest.raises(RequestInvalid) as error:
        parse_request(value)
    return error.value


def sendable(invalid: RequestInvalid) -> bool:
    """Whether the refusal fits into an event and comes out of it again."""
    event = events.TaskRefused(
        task_id=TASK,
        user_id=invalid.user_id or "",
        request_id=invalid.request_id,
        project_id=invalid.project_id,
        task_name=invalid.task_name,
        type=invalid.type,
        body_hash=b"",
        requested_at=0,
        code=invalid.code,
        message=str(invalid),
        errors=invalid.errors,
        details=invalid.details,
    )
    value = codec.encode(event)
    return len(value) < 100_000 and codec.decode(value) == event
