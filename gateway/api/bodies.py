"""A call's body to a request that a worker would take: the same strict validator, nothing of our own."""

import asyncio
import json
import re
import uuid
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from gateway.api.problems import Problem, broken, invalid
from schemas.events import FieldError
from schemas.parse import RequestInvalid, parse_request, read_json
from schemas.requests import MAX_REQUEST_BYTES
from schemas.requests import Request as NumberlineRequest

BODY_SECONDS = 30.0
_KEY = re.compile(r'"([^"\\]*)"|([^"\\]*)')  # a quoted string (RFC 8941), or the bare text that many clients send


async def fields_of(request: Request) -> dict[str, Any]:
    """The fields of the JSON object in the body.  Raises Problem."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(415, "unsupported_media_type", "send a JSON object, with Content-Type: application/json")
    try:
        return read_json(await _body(request))
    except RequestInvalid as error:
        raise invalid(error) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    too_large = Problem(413, "request_too_large", f"a body may have {MAX_REQUEST_BYTES} bytes at most")
    if int(request.headers.get("content-length", "0")) > MAX_REQUEST_BYTES:
        raise too_large
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_REQUEST_BYTES:
                    raise too_large
    except TimeoutError:
        raise Problem(408, "request_too_slow", f"the body did not come within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:  # nobody reads the answer, and it is no defect for the log
        raise Problem(400, "unreadable_request", "the client went before its body had come") from None
    return bytes(body)


def request_of(type_: str, user_id: str, idempotency_key: str | None, fields: dict[str, Any]) -> NumberlineRequest:
    """The request of a user. Its id is the Idempotency-Key, else the body's request_id, else a new one.

    Raises Problem with every rule that it breaks.
    """
    fixed = {"type": type_, "user_id": user_id}
    errors = [
        FieldError(name, f'must be "{value}" here, or left out')
        for name, value in fixed.items()
        if fields.get(name, value) != value
    ]
    key = _key(idempotency_key) if idempotency_key is not None else None
    if key is not None and fields.get("request_id", key) != key:
        errors.append(FieldError("request_id", "must be the Idempotency-Key, or left out"))
    whole = {"request_id": uuid.uuid4().hex if key is None else key, **fields, **fixed}
    try:
        request = parse_request(json.dumps(whole).encode())
    except RequestInvalid as error:
        error.errors = (*errors, *error.errors)
        raise invalid(error) from None
    if errors:
        raise invalid(RequestInvalid(tuple(errors)))
    return request


def _key(given: str) -> str:
    """The id in an Idempotency-Key, whose own rules are those of a request_id.  Raises Problem."""
    match = _KEY.fullmatch(given.strip())
    if match is None:
        raise broken("Idempotency-Key", 'must be a string, such as "r-1"')
    return match[1] or match[2] or ""
