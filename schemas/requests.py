"""Requests as users send them: typed, strict, every rule in one place.

The same models decide on Kafka, over HTTP and in the command line. What needs the prefix data (is the area
code assigned, does a carrier match) is decided in ``pipeline.plan``.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.events import Filters
from schemas.identity import IDENTIFIER, IDENTIFIER_RULE

MAX_REQUEST_BYTES = 1 << 20
MAX_QUANTITY = 1_000_000
MAX_LIST = 10_000  # numbers or ids in one request for validation
LineType = Literal["wireless", "voip", "landline", "pager"]
LINE_TYPES = get_args(LineType)
NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"

Identifier = Annotated[str, StringConstraints(pattern=f"^{IDENTIFIER.pattern}$")]
AreaCode = Annotated[str, StringConstraints(pattern=r"^[2-9][0-9]{2}$")]
FilterText = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_CONTROL)]
TaskId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
TASK_ID_RULE = "must be the task's id, a lower-case UUID"
ProjectId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_CONTROL)]
PROJECT_ID_RULE = "must be text of 1 to 64 characters without control characters"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROL)]
NAME_RULE = "must be text of 1 to 200 characters without control characters"


def _texts(rule: str, most: int) -> Any:
    return Field(default=(), max_length=most, description=f"must be a list of at most {most} {rule}")


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, values: Any) -> Any:
        """JSON has lists; a strict model takes no list for a tuple."""
        if not isinstance(values, dict):
            return values
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


class _Request(_Strict):
    request_id: Identifier = Field(description=IDENTIFIER_RULE)
    user_id: Identifier = Field(description=IDENTIFIER_RULE)

    def body_hash(self) -> bytes:
        """SHA-256 of the request as canonical JSON without defaults: equal for equal requests."""
        body = {"type": type(self).__name__, **self.model_dump(mode="json", exclude_defaults=True)}
        if "area_code" in body:
            body["area_codes"] = [body.pop("area_code")]
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).digest()


class NumberFilters(_Strict):
    """The fields of a request that say which numbers match."""

    area_code: AreaCode | None = Field(
        default=None, description='must be three digits, the first 2 to 9, such as "415"'
    )
    area_codes: tuple[AreaCode, ...] = _texts('area codes of three digits, such as ["415", "628"]', 800)
    states: tuple[FilterText, ...] = _texts("two-letter states or provinces", 100)
    countries: tuple[FilterText, ...] = _texts("two-letter ISO 3166 countries", 100)
    timezones: tuple[FilterText, ...] = _texts("IANA time zones, such as America/New_York", 100)
    carriers: tuple[FilterText, ...] = _texts("parts of operating companies' names", 100)
    line_types: tuple[LineType, ...] = _texts("of " + ", ".join(LINE_TYPES), 4)
    fictional: bool = Field(default=False, description="must be true or false")

    @model_validator(mode="after")
    def _one_name_of_area_codes(self) -> Self:
        if self.area_code is not None and self.area_codes:
            rule = "give area_code or area_codes, not both"
            raise PydanticCustomError("area_code_twice", rule, {"field": "area_codes"})
        return self

    def wanted_area_codes(self) -> tuple[str, ...]:
        """Sorted and distinct; empty means any."""
        return (self.area_code,) if self.area_code else tuple(sorted(set(self.area_codes)))

    def as_filters(self) -> Filters:
        """The filters as events carry them: sorted, distinct, in one case."""

        def distinct(values: tuple[str, ...], case: Any = str) -> tuple[str, ...]:
            return tuple(sorted({case(value) for value in values}))

        return Filters(
            states=distinct(self.states, str.upper),
            countries=distinct(self.countries, str.upper),
            timezones=distinct(self.timezones),
            carriers=distinct(self.carriers, str.casefold),
            line_types=distinct(self.line_types),
            fictional=self.fictional,
        )


class GenerateRequest(NumberFilters, _Request):
    """A request of type ``generate``: so many numbers that match."""

    type: Literal["generate"] = "generate"
    quantity: int = Field(ge=1, le=MAX_QUANTITY, description="must be a whole number from 1 to 1000000")
    project_id: ProjectId | None = Field(default=None, description=PROJECT_ID_RULE)
    task_name: Name | None = Field(default=None, description=NAME_RULE)
    batch_size: int | None = Field(
        default=None, ge=100, le=10_000, description="must be a whole number from 100 to 10000"
    )
    auto_validate: bool = Field(default=False, description="must be true or false")
    seed: int | None = Field(
        default=None, ge=-(2**63), lt=2**63, description="must be a whole number of at most 64 bits"
    )
    on_shortfall: Literal["fail", "partial"] = Field(default="fail", description='must be "fail" or "partial"')


class ValidateRequest(_Request):
    """A request of type ``validate``: a verdict on each of these numbers, named in one of four ways."""

    type: Literal["validate"] = "validate"
    task_name: Name | None = Field(default=None, description=NAME_RULE)
    numbers: tuple[Annotated[str, StringConstraints(max_length=250)], ...] = Field(
        default=(),
        min_length=1,
        max_length=MAX_LIST,
        description=f"must be a list of 1 to {MAX_LIST} numbers as text, each of at most 250 characters",
    )
    ids: tuple[Annotated[int, Field(ge=10**10, lt=2 * 10**10)], ...] = Field(
        default=(),
        min_length=1,
        max_length=MAX_LIST,
        description=f"must be a list of 1 to {MAX_LIST} ids: of each number its number_value, such as 14155550100",
    )
    task_id: TaskId | None = Field(default=None, description=TASK_ID_RULE)
    project_id: ProjectId | None = Field(default=None, description=PROJECT_ID_RULE)
    source: Literal["internal", "external"] = Field(
        default="internal", description='must be "internal" or "external"'
    )
    batch_size: int = Field(
        default=5_000, ge=100, le=10_000, description="must be a whole number from 100 to 10000"
    )

    @model_validator(mode="after")
    def _named_in_one_way(self) -> Self:
        given = [name for name in ("numbers", "ids", "task_id", "project_id") if getattr(self, name)]
        if len(given) != 1:
            text = "give one of numbers, ids, task_id and project_id" + (
                f", not {' and '.join(given)}" * bool(given)
            )
            raise PydanticCustomError(
                "not_one_way", "{text}", {"field": given[0] if given else "numbers", "text": text}
            )
        return self


class CancelRequest(_Request):
    """A request of type ``cancel``: send nothing more of a task."""

    type: Literal["cancel"] = "cancel"
    task_id: TaskId = Field(description=TASK_ID_RULE)


Request = GenerateRequest | ValidateRequest | CancelRequest
TYPES: dict[str, type[GenerateRequest] | type[ValidateRequest] | type[CancelRequest]] = {
    "generate": GenerateRequest,
    "validate": ValidateRequest,
    "cancel": CancelRequest,
}
AVRO_TYPES = {"GenerateRequest": "generate", "ValidateRequest": "validate", "CancelRequest": "cancel"}


def encode_request(request: Request) -> bytes:
    """The value of a request's record: JSON, without what is as it would be anyway."""
    return json.dumps(request.model_dump(mode="json", exclude_defaults=True) | {"type": request.type}).encode()
