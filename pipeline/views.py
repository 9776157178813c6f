"""A task as users see it: one view for the WebSocket gateway and the HTTP API (docs/contract.md, "A task")."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import TaskError, TaskProgress

# columns of the view phone_numbers in a file of numbers, whoever writes it
EXPORTED = (
    *("number", "area_code", "exchange", "carrier", "line_type", "state", "country", "timezone"),
    *("is_valid", "validation_reason", "prefix_data_version", "rate_center", "block", "validation_source"),
    *("validated_at", "external_line_type", "external_carrier", "external_error"),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(milliseconds: int) -> str:
    """A time in ms since the epoch as RFC 3339 in UTC, with milliseconds and Z."""
    return moment_of(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(milliseconds: int) -> datetime:
    """A time in ms since the epoch as PostgreSQL takes it, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def in_milliseconds(moment: datetime) -> int:
    """A time of PostgreSQL in ms since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def optional_time(milliseconds: int | None) -> str | None:
    """The same of a time that may be missing."""
    return None if milliseconds is None else rfc3339(milliseconds)


def percentage(progress: TaskProgress) -> float:
    """0 to 100 with two decimals, rounded down: 100 only when all are delivered."""
    if not progress.quantity:
        return 0.0
    return min(10_000, progress.processed_items * 10_000 // progress.quantity) / 100


def result_view(progress: TaskProgress) -> dict[str, Any] | None:
    """The `result_data` of a task, by its type."""
    if (found := progress.validation) is not None:
        return {
            "validated_count": found.validated_count,
            "valid_count": found.valid_count,
            "invalid_count": found.invalid_count,
            "error_count": found.error_count,
            "reasons": dict(found.reasons),
            "lookups": dict(found.lookups),
            "prefix_data_version": found.prefix_data_version,
        }
    if (result := progress.result) is not None:
        return {
            "total_generated": result.total_generated,
            "area_codes": dict(result.area_codes),
            "batches_processed": result.batches_processed,
            "prefix_data_version": result.prefix_data_version,
        }
    return None


def error_view(error: TaskError | None) -> dict[str, Any] | None:
    """The `error` of a task; its details are JSON text in the event and JSON here."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "details": json.loads(error.details)}


def task_view(progress: TaskProgress) -> dict[str, Any]:
    """All fields that the contract gives a task, as JSON values."""
    return {
        "task_id": progress.task_id,
        "request_id": progress.request_id,
        "user_id": progress.user_id,
        "project_id": progress.project_id,
        "task_name": progress.task_name,
        "type": progress.type,
        "status": progress.status,
        "quantity": progress.quantity,
        "processed_items": progress.processed_items,
        "succeeded": progress.succeeded,
        "failed_items": progress.failed_items,
        "progress": percentage(progress),
        "batches_done": progress.batches_done,
        "batches_total": progress.batches_total,
        "current_step": progress.current_step,
        "created_at": rfc3339(progress.created_at),
        "started_at": optional_time(progress.started_at),
        "completed_at": optional_time(progress.completed_at),
        "estimated_completion": optional_time(progress.estimated_completion),
        "result_data": result_view(progress),
        "error": error_view(progress.error),
    }
