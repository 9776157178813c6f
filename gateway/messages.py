"""What the server sends: each message as text once, whatever the number of its readers (docs/contract.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.views import error_view, optional_time, percentage, result_view, rfc3339, task_view
from schemas.events import FieldError, RequestRejected, TaskProgress

TYPES = {event: f"task_{event}" for event in ("started", "progress", "completed", "failed", "cancelled")}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for a text frame.

    progress_of: the task of a task_progress, which a newer one of the same task may replace; else None.
    """

    type: str
    text: bytes
    progress_of: str | None = None


def _message(type_: str, timestamp: int, fields: dict[str, Any], progress_of: str | None = None) -> Message:
    text = orjson.dumps({"type": type_, "timestamp": rfc3339(timestamp), **fields})
    return Message(type_, text, progress_of)


def task_message(progress: TaskProgress, position: str) -> Message:
    """The message that tells of a task's new state."""
    head = {
        "task_id": progress.task_id,
        "task_name": progress.task_name,
        "request_id": progress.request_id,
        "position": position,
    }
    type_ = TYPES[progress.event]
    coalesced_by = progress.task_id if progress.event == "progress" else None
    return _message(type_, progress.updated_at, {**head, **_body(progress)}, coalesced_by)


def _body(progress: TaskProgress) -> dict[str, Any]:
    match progress.event:
        case "started":
            return {"task": task_view(progress)}
        case "progress":
            return {
                "status": progress.status,
                "progress": percentage(progress),
                "current_step": progress.current_step,
                "processed_items": progress.processed_items,
                "total_items": progress.quantity,
                "estimated_completion": optional_time(progress.estimated_completion),
            }
        case "completed":
            return {"result_data": result_view(progress)}
        case "failed":
            message = progress.error.message if progress.error else None
            return {"error_message": message, "error": error_view(progress.error)}
        case _:
            return {
                "processed_items": progress.processed_items,
                "total_items": progress.quantity,
                "result_data": result_view(progress),
            }


def rejected_message(rejected: RequestRejected, position: str) -> Message:
    """The answer to a request on Kafka that is no event of a task."""
    fields = {
        "code": rejected.code,
        "message": rejected.message,
        "request_id": rejected.request_id,
        "task_id": rejected.task_id,
        "details": orjson.loads(rejected.details),
        "position": position,
    }
    return _message("error", rejected.rejected_at, fields)


def error_message(
    now: int, code: str, message: str, task_id: str | None = None, details: dict[str, Any] | None = None
) -> Message:
    """The answer to a client's message that cannot be served. now: ms since the epoch, as below."""
    fields = {"code": code, "message": message, "request_id": None, "task_id": task_id}
    return _message("error", now, {**fields, "details": details or {}})


def invalid_message(now: int, errors: Iterable[FieldError]) -> Message:
    """The answer to a client's message that breaks rules: every field and its rule."""
    broken = [{"field": error.field, "message": error.message} for error in errors]
    sentence = "; ".join(f"{one['field']} {one['message']}" for one in broken)
    return error_message(now, "invalid_message", sentence, details={"errors": broken})


def connection_established(now: int, user_id: str, channel: str) -> Message:
    """The first message of a connection."""
    return _message("connection_established", now, {"user_id": user_id, "channel": channel})


def active_tasks(now: int, tasks: Iterable[TaskProgress]) -> Message:
    """A snapshot of tasks."""
    return _message("active_tasks", now, {"tasks": [task_view(task) for task in tasks]})


def pong(now: int) -> Message:
    """The answer to a ping."""
    return _message("pong", now, {})


def subscribed(now: int, task_id: str) -> Message:
    """This task's messages come."""
    return _message("subscribed", now, {"task_id": task_id})


def unsubscribed(now: int, task_id: str) -> Message:
    """This task is no longer asked for by itself."""
    return _message("unsubscribed", now, {"task_id": task_id})
