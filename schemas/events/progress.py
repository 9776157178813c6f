"""What users are told of their tasks."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """What a generation delivered."""

    total_generated: int
    area_codes: Mapping[str, int]
    batches_processed: int
    prefix_data_version: int


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What a validation found; lookups: of an external one, by how they went."""

    validated_count: int
    valid_count: int
    invalid_count: int
    error_count: int
    reasons: Mapping[str, int]
    lookups: Mapping[str, int]
    prefix_data_version: int


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed; details is a JSON object."""

    code: str
    message: str
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """State of a task after one more of its facts; times in ms since the epoch."""

    task_id: str
    user_id: str
    sequence: int
    event: str
    request_id: str | None
    project_id: str | None
    task_name: str | None
    type: str
    status: str
    quantity: int
    processed_items: int
    succeeded: int
    failed_items: int
    batches_done: int
    batches_total: int
    current_step: str
    created_at: int
    started_at: int | None
    updated_at: int
    completed_at: int | None
    estimated_completion: int | None
    result: GenerationResult | None
    error: TaskError | None
    validation: ValidationResult | None = None


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """An answer to a request that is no event of a task."""

    task_id: str
    user_id: str
    request_id: str | None
    code: str
    message: str
    rejected_at: int
    details: str = "{}"
