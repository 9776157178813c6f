"""POST of generations."""

from fastapi import APIRouter, Request, Response

from gateway.api.auth import User
from gateway.api.bodies import fields_of
from gateway.api.description import IdempotencyKey, body_of, making_a_task
from gateway.api.services import Using
from gateway.api.submit import submit
from schemas.requests import GenerateRequest

router = APIRouter(tags=["requests"])
BODY = body_of(GenerateRequest, {"quantity": 1000, "area_code": "415", "line_types": ["wireless"]})


@router.post(**making_a_task("/api/generate-numbers-enhanced/", BODY, "generate"))
async def generate(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for numbers."""
    return await submit(request, services, user, "generate", idempotency_key, await fields_of(request))


@router.post(**making_a_task("/api/generate-numbers-config/", BODY, "generateValidated"))
async def generate_validated(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for numbers that are validated as they are made: `auto_validate` is true without being named."""
    fields = {"auto_validate": True} | await fields_of(request)
    return await submit(request, services, user, "generate", idempotency_key, fields)
