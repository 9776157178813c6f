"""What clients may send: one strict model a message, and every rule that a broken one breaks."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.events import FieldError
from schemas.requests import TASK_ID_RULE, TaskId


class _ClientMessage(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Authenticate(_ClientMessage):
    """The first message of a connection without an authorization header."""

    type: Literal["authenticate"]
    token: str = Field(description="must be a JWT, as text", repr=False)


class Ping(_ClientMessage):
    """Answered by pong."""

    type: Literal["ping"]


class GetActiveTasks(_ClientMessage):
    """Answered by active_tasks."""

    type: Literal["get_active_tasks"]


class SubscribeTask(_ClientMessage):
    """From the first one on, only subscribed tasks' messages come."""

    type: Literal["subscribe_task"]
    task_id: TaskId = Field(description=TASK_ID_RULE)


class UnsubscribeTask(_ClientMessage):
    """After the last one, all tasks' messages come again."""

    type: Literal["unsubscribe_task"]
    task_id: TaskId = Field(description=TASK_ID_RULE)


class Resume(_ClientMessage):
    """Asks for every message after a position."""

    type: Literal["resume"]
    position: str = Field(description="must be the position of a message, as it came")


ClientMessage = Authenticate | Ping | GetActiveTasks | SubscribeTask | UnsubscribeTask | Resume
MODELS: dict[str, type[ClientMessage]] = {
    "authenticate": Authenticate,
    "ping": Ping,
    "get_active_tasks": GetActiveTasks,
    "subscribe_task": SubscribeTask,
    "unsubscribe_task": UnsubscribeTask,
    "resume": Resume,
}
MOST_ERRORS = 20  # told of one message: a small one can break ten thousand rules
_ADAPTER: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])


@dataclass
class MessageInvalid(ValueError):
    """A message that breaks rules; it is never quoted, for it may hold a token."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        return "; ".join(f"{error.field} {error.message}" for error in self.errors)


def parse(frame: str | bytes) -> ClientMessage:
    """The message in a frame. Raises MessageInvalid."""
    if isinstance(frame, bytes):
        raise MessageInvalid((FieldError("message", "must be a text frame that holds a JSON object"),))
    try:
        return _ADAPTER.validate_json(frame)
    except ValidationError as error:
        found: dict[str, str] = {}
        for one in error.errors(include_url=False, include_input=False):
            name, rule = _broken(one)
            found.setdefault(name, rule)
            if len(found) == MOST_ERRORS:
                break
        raise MessageInvalid(tuple(FieldError(name, rule) for name, rule in found.items())) from None


def _broken(error: ErrorDetails) -> tuple[str, str]:
    """A field and its rule; a location is empty, or the message's type and the field."""
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return "type", f"must be one of {', '.join(MODELS)}"
    if len(error["loc"]) < 2:
        return "message", "must be a JSON object"
    kind, name = str(error["loc"][0]), str(error["loc"][1])
    if error["type"] == "extra_forbidden":
        return name[:64], f"is not a field of {kind}"
    rule = MODELS[kind].model_fields[name].description or error["msg"]
    return name, f"is missing: it {rule}" if error["type"] == "missing" else rule
