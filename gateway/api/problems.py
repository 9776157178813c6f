"""Errors as RFC 9457 describes them: application/problem+json, and every broken field with its rule."""

import http
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from pipeline.errors import NumberlineError, Unavailable
from schemas.events import FieldError
from schemas.parse import RequestInvalid, sentence_of

log = logging.getLogger(__name__)

RETRY_SECONDS = 2
TYPE = "urn:numberline:error:"  # and the error's code (docs/contract.md, "Error codes")
CODES = {400: "unreadable_request", 404: "not_found", 405: "method_not_allowed"}


@dataclass
class Problem(NumberlineError):
    """A call that is answered with an error. details: further members of the answer."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"

    def response(self) -> Response:
        """The answer."""
        body = {
            **self.details,
            "type": TYPE + self.code,
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [{"field": one.field, "message": one.message} for one in self.errors],
        }
        return Response(orjson.dumps(body), self.status, dict(self.headers), "application/problem+json")


class FieldProblem(BaseModel):
    """A broken field and the rule that it breaks."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """An error, after RFC 9457."""

    type: str = Field(description="urn:numberline:error: and the code")
    title: str = Field(description="the status in words")
    status: int
    code: str = Field(description="one of the error codes")
    detail: str = Field(description="a sentence for people")
    errors: list[FieldProblem] = Field(description="every broken field, where fields are broken")


def invalid(invalid: RequestInvalid) -> Problem:
    """A request that breaks rules: 400 where it cannot be read at all, else 422."""
    status = 400 if invalid.code == "unreadable_request" else 422
    return Problem(status, invalid.code, str(invalid), invalid.errors)


def not_found(what: str, code: str = "not_found") -> Problem:
    """What is not there, or is another user's: nobody can tell which."""
    return Problem(404, code, f"you have no such {what}")


def broken(name: str, rule: str) -> Problem:
    """One field that breaks a rule."""
    return Problem(422, "invalid_request", f"{name}: {rule}", (FieldError(name, rule),))


def install(app: FastAPI) -> None:
    """Answer every error of the application so; nothing of its inside is told."""

    @app.exception_handler(Problem)
    async def of_problem(_: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(Unavailable)
    async def of_unavailable(_: Request, error: Unavailable) -> Response:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        return Problem(503, "unavailable", f"{error}; try again later", headers=retry).response()

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_: Request, error: RequestValidationError) -> Response:
        errors = tuple(_field_errors(error.errors()))
        return Problem(422, "invalid_request", sentence_of(errors), errors).response()

    @app.exception_handler(HTTPException)
    async def of_framework(request: Request, error: HTTPException) -> Response:
        code = CODES.get(error.status_code, "invalid_request")
        detail = f"{request.method} {request.url.path}: {str(error.detail).lower()}; see /docs"
        return Problem(error.status_code, code, detail, headers=error.headers or {}).response()

    @app.exception_handler(Exception)
    async def of_defect(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return Problem(500, "internal_error", "this is a defect of numberline; its log has more").response()


def _field_errors(errors: Iterable[Mapping[str, Any]]) -> Iterable[FieldError]:
    for one in errors:
        name = str(one["loc"][:2][-1])[:64] if one["loc"] else "request"  # where, what, and perhaps which of a list
        match one["type"]:
            case "extra_forbidden":
                rule = "is not a parameter of this call"
            case "missing":
                rule = "is missing"
            case _:
                rule = str(one["msg"])
                rule = rule[:1].lower() + rule[1:]
        yield FieldError(name, rule)
