"""What the generated description says of bodies and errors, out of the models that decide on them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel

from gateway.api.models import Submitted
from schemas.identity import IDENTIFIER

IDEMPOTENCY = "the same key again, with the same body, is the same task; it has the rules of a request_id"
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=IDEMPOTENCY,
        pattern=f'^("{IDENTIFIER.pattern}"|{IDENTIFIER.pattern})$',
    ),
]
GIVEN = {"type", "user_id"}  # by the call and the token


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a call."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in (*statuses, 500)}


def submitted() -> dict[int | str, dict[str, Any]]:
    """The answers of a POST that makes a task: what its 202 leads to, and its errors."""
    task = {"parameters": {"task_id": "$response.body#/task_id"}}
    names = ("getTask", "getProgress", "listNumbersOfTask", "cancelTask")
    links = {name: {"operationId": name, **task} for name in names}
    return {
        202: {"description": "acknowledged by the broker", "links": links},
        **problems(400, 401, 408, 413, 415, 422, 429, 503),
    }


def making_a_task(path: str, body: Mapping[str, Any], operation_id: str) -> dict[str, Any]:
    """What the route of such a POST is declared with."""
    return {
        "path": path,
        "status_code": 202,
        "response_model": Submitted,
        "responses": submitted(),
        "openapi_extra": dict(body),
        "operation_id": operation_id,
    }


def body_of(model: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a POST: a request without what the call and the token say, and without its required id."""
    schema = model.model_json_schema()
    properties = {name: one for name, one in schema["properties"].items() if name not in GIVEN}
    required = [name for name in schema.get("required", []) if name in properties and name != "request_id"]
    body: dict[str, Any] = {
        "type": "object",
        "title": model.__name__,
        "properties": properties,
        "additionalProperties": False,
        "required": required,
        "example": dict(example),
    }
    if "area_code" in properties:
        body["not"] = {"required": ["area_code", "area_codes"]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}
