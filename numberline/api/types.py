"""What the calls answer, as types. Fields that a newer gateway adds are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

Answer = TypeVar("Answer")
ENDED = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that the broker has acknowledged. status: None where no worker has answered yet."""

    task_id: str
    request_id: str
    status: str | None
    status_url: str
    websocket_url: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task (docs/contract.md, "A task"); times are RFC 3339."""

    task_id: str
    request_id: str | None
    user_id: str
    project_id: str | None
    task_name: str | None
    type: str
    status: str
    quantity: int
    processed_items: int
    succeeded: int
    failed_items: int
    progress: float
    batches_done: int
    batches_total: int
    current_step: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    estimated_completion: str | None
    result_data: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is held (docs/contract.md, "SQL views")."""

    number: str
    area_code: str
    exchange: str
    carrier: str | None
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
    number_value: int
    block: str
    rate_center: str | None
    external_line_type: str | None
    external_carrier: str | None
    external_error: str | None


def read(kind: type[Answer], body: Mapping[str, Any]) -> Answer:
    """An answer as its type."""
    return kind(**{field.name: body[field.name] for field in fields(kind)})  # type: ignore[arg-type]
