"""POST of generations."""

from fastapi import APIRouter, Request, Response

from gateway.api.auth import User
from gateway.api.bodies import fields_of
from gateway.api.description import IdempotencyKey, body_of, submitted
from gateway.api.models import Submitted
from gateway.api.services import Using
from gateway.api.submission import submit
from schemas.requests import GenerateRequest

router = APIRouter(tags=["requests"])
BODY = body_of(GenerateRequest, {"quantity": 1000, "area_code": "415", "line_types": ["wireless"]})
ANSWERS = submitted(400, 401, 408, 413, 415, 422, 429, 503)


@router.post(
    "/api/generate-numbers-enhanced/",
    status_code=202,
    response_model=Submitted,
    responses=ANSWERS,
    openapi_extra=BODY,
    operation_id="generate",
)
async def generate(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for numbers."""
    return await submit(request, services, user, "generate", idempotency_key, await fields_of(request))


@router.post(
    "/api/generate-numbers-config/",
    status_code=202,
    response_model=Submitted,
    responses=ANSWERS,
    openapi_extra=BODY,
    operation_id="generateValidated",
)
async def generate_validated(
    request: Request, user: User, services: Using, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ask for numbers that are validated as they are made: `auto_validate` is true without being named."""
    fields = {"auto_validate": True} | await fields_of(request)
    return await submit(request, services, user, "generate", idempotency_key, fields)
