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
