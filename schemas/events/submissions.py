"""A request, planned or refused, and what an operator or a user wants of a task."""

from dataclasses import dataclass

from schemas.events.plans import Plan, ValidationPlan


@dataclass(frozen=True, slots=True)
class FieldError:
    """A broken field and the rule it breaks."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user may, as it was when the request was planned; None: no bound."""

    numbers_a_day: int | None
    tasks_at_once: int | None


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A header of a Kafka record."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """The record of a request as it was read, without its authorization. timestamp: ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[RequestHeader, ...]


@dataclass(frozen=True, slots=True)
class TaskSubmitted:
    """A valid request, planned. record: of one that coordinate may yet refuse, for the dead letters; in no fact."""

    task_id: str
    user_id: str
    request_id: str
    project_id: str | None
    task_name: str | None
    body_hash: bytes
    requested_at: int
    plan: Plan
    quota: Quota | None = None
    record: RequestRecord | None = None


@dataclass(frozen=True, slots=True)
class ValidationSubmitted:
    """A valid request for validation, planned. record: as in TaskSubmitted."""

    task_id: str
    user_id: str
    request_id: str
    project_id: str | None
    task_name: str | None
    body_hash: bytes
    requested_at: int
    plan: ValidationPlan
    quota: Quota | None = None
    record: RequestRecord | None = None


@dataclass(frozen=True, slots=True)
class TaskRefused:
    """A request that breaks a rule."""

    task_id: str
    user_id: str
    request_id: str | None
    project_id: str | None
    task_name: str | None
    type: str
    body_hash: bytes
    requested_at: int
    code: str
    message: str
    errors: tuple[FieldError, ...]
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A user wants a task to end."""

    task_id: str
    user_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class RedriveRequested:
    """An operator wants whatever of a task is in flight to be sent again."""

    task_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class TaskForgotten:
    """The facts of a task that ended long ago, or never began, are let go. facts: their names."""

    task_id: str
    user_id: str
    facts: tuple[str, ...]
