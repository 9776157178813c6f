"""The answers, as the API's description has them (docs/contract.md)."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class Submitted(BaseModel):
    """A request that the broker has acknowledged."""

    task_id: str = Field(description="the task's id")
    request_id: str = Field(description="the same id again is the same task")
    status: str | None = Field(description="state of the task, null where no worker has answered within a second")
    status_url: str = Field(description="where the task is")
    websocket_url: str = Field(description="where it is heard of")


class TaskError(BaseModel):
    """Why a task failed."""

    code: str
    message: str
    details: dict[str, Any]


class Task(BaseModel):
    """A task."""

    task_id: str
    request_id: str | None
    user_id: str
    project_id: str | None
    task_name: str | None
    type: str
    status: Literal["pending", "running", "completed", "failed", "cancelled"]
    quantity: int
    processed_items: int
    succeeded: int
    failed_items: int
    progress: float = Field(ge=0, le=100)
    batches_done: int
    batches_total: int
    current_step: str
    created_at: str = Field(description="RFC 3339")
    started_at: str | None
    completed_at: str | None
    estimated_completion: str | None
    result_data: dict[str, Any] | None
    error: TaskError | None


class Progress(BaseModel):
    """How far a task is."""

    task_id: str
    status: str
    progress: float
    current_step: str
    processed_items: int
    total_items: int
    estimated_completion: str | None


class TaskPage(BaseModel):
    """Tasks, newest first."""

    results: list[Task]
    next: str | None = Field(description="URL of the next page")
    previous: str | None = Field(description="URL of the page before")


class Number(BaseModel):
    """A number, as in the view phone_numbers."""

    number: str = Field(description="E.164")
    area_code: str
    exchange: str
    carrier: str | None = Field(description="assigned operating company")
    state: str | None
    country: str | None
    timezone: str | None
    line_type: str | None
    is_valid: bool | None
    validation_reason: str | None
    validation_source: str | None
    validated_at: str | None
    task_id: str
    user_id: str
    project_id: str | None
    prefix_data_version: int
    created_at: str
    number_value: int = Field(description="the number as an integer, which also is its id")
    block: str = Field(description="its thousands block: NPA, NXX and one digit")
    rate_center: str | None = Field(description="of its block, where the prefix data knows it")
    external_line_type: str | None = Field(description="what a lookup provider said, as the next two")
    external_carrier: str | None
    external_error: str | None


class NumberPage(BaseModel):
    """Numbers, in the order in which they were stored."""

    results: list[Number]
    next: str | None = Field(description="URL of the next page")
    previous: str | None = Field(description="URL of the page before")


class Verdict(BaseModel):
    """The verdict on a number of a list, as in the view validations."""

    position: int = Field(description="place in the list, from 0")
    given: str | None = Field(description="as it was given; null of ids")
    number: str | None = Field(description="E.164; null of what is no North American number")
    duplicate_of: int | None = Field(description="first position of the same number in the list")
    is_valid: bool
    validation_reason: str
    validation_source: str
    validated_at: str
    carrier: str | None
    line_type: str | None
    state: str | None
    country: str | None
    timezone: str | None
    rate_center: str | None
    block: str | None
    prefix_data_version: int
    external_line_type: str | None
    external_carrier: str | None
    external_error: str | None


class VerdictPage(BaseModel):
    """Verdicts, in the order in which the numbers were given."""

    results: list[Verdict]
    next: str | None = Field(description="URL of the next page")
    previous: str | None = Field(description="URL of the page before")


class Statistics(BaseModel):
    """How many numbers a user holds; `unknown` counts those that have no such attribute."""

    total: int
    valid: int = Field(description="by their newest verdict, as the next")
    invalid: int
    unvalidated: int = Field(description="without a verdict")
    by_state: dict[str, int]
    by_carrier: dict[str, int]
    by_line_type: dict[str, int]
    by_area_code: dict[str, int]
