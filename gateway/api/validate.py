"""POST of validations."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response

from gateway.api.auth import User
from gateway.api.bodies import fields_of
from gateway.api.description import IdempotencyKey, body_of, making_a_task
from gateway.api.problems import Problem, broken
from gateway.api.services import Using
from gateway.api.submit import submit
from schemas.requests import ValidateRequest

router = APIRouter(tags=["requests"])
BODY = body_of(ValidateRequest, {"numbers": ["+1 415 555 0100", "212-555-0123"]})
BULK = "phone_ids"  # what this call names ids


def _bulk_body() -> dict[str, Any]:
    """The description of a body with numbers or phone_ids."""
    body = body_of(ValidateRequest, {"numbers": ["+1 415 555 0100"]})
    properties = body["requestBody"]["content"]["application/json"]["schema"]["properties"]
    properties[BULK] = properties.pop("ids")
    for name in ("task_id", "project_id"):
        del properties[name]
    return body


@router.post(**making_a_task("/api/validate-numbers-enhanced/", BODY, "validate"))
async def validate(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for a verdict on each of a list of numbers, or of the numbers of a task or a project."""
    return await submit(request, services, user, "validate", idempotency_key, await fields_of(request))


@router.post(**making_a_task("/api/bulk-validate/", _bulk_body(), "bulkValidate"))
async def bulk_validate(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for a verdict on each of these `numbers`, or on numbers that you hold, by their `phone_ids`."""
    fields = await fields_of(request)
    for name in ("ids", "task_id", "project_id"):
        if name in fields:
            raise broken(name, f"is not a field of this call: give numbers or {BULK}")
    if BULK in fields:
        fields["ids"] = fields.pop(BULK)
    try:
        return await submit(request, services, user, "validate", idempotency_key, fields)
    except Problem as problem:
        problem.errors = tuple(replace(one, field=BULK) if one.field == "ids" else one for one in problem.errors)
        raise
