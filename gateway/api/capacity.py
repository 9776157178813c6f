"""POST of capacity: how many numbers exist, are given out, suppressed and left, for the filters of a generation."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, ValidationError

from gateway.api.auth import User
from gateway.api.bodies import fields_of
from gateway.api.description import body_of, problems
from gateway.api.problems import RETRY_SECONDS, Problem, invalid
from gateway.api.services import Using
from pipeline.capacity import Figures
from schemas.parse import RequestInvalid, field_errors
from schemas.requests import NumberFilters

router = APIRouter(tags=["numbers"])


class Amounts(BaseModel):
    """Numbers that match."""

    exist: int = Field(description="blocks that an operating company holds, in numbers")
    used: int = Field(description="given out, to whomever")
    suppressed: int = Field(description="not given out, and suppressed for everybody or for this user")
    left: int = Field(description="what a generation can still get")


class AreaCodeAmounts(Amounts):
    """Those of one area code."""

    area_code: str


class CapacityAnswer(BaseModel):
    """True as of at most one second ago."""

    total: Amounts
    area_codes: list[AreaCodeAmounts] = Field(description="where any number matches, in order")


@router.post(
    "/api/capacity/",
    response_model=CapacityAnswer,
    responses=problems(400, 401, 408, 413, 415, 422, 429, 503),
    openapi_extra=body_of(NumberFilters, {"states": ["CA"], "line_types": ["wireless"]}),
    operation_id="capacity",
)
async def capacity(request: Request, user: User, services: Using) -> dict[str, Any]:
    """Ask how many numbers there are; an empty object asks for all of North America."""
    fields = await fields_of(request)
    try:
        wanted = NumberFilters.model_validate(fields)
    except ValidationError as error:
        raise invalid(RequestInvalid(tuple(field_errors(NumberFilters, error, fields)))) from None
    if (found := services.supply.capacity) is None:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        raise Problem(503, "unavailable", "the prefix data is still being read; try again later", headers=headers)
    if errors := found.catalogue.errors(wanted):
        raise invalid(RequestInvalid(tuple(errors)))
    figures = found.figures(wanted.as_filters(), wanted.wanted_area_codes(), user)
    total = sum(figures.values(), Figures()).as_json() | {"left": sum(one.left for one in figures.values())}
    return {
        "total": total,
        "area_codes": [{"area_code": code, **one.as_json()} for code, one in sorted(figures.items())],
    }
