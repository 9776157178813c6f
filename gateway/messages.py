"""What the server sends: each message as text once, whatever the number of its readers (docs/contract.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.positions import Position
from pipeline.views import error_view, optional_time, percentage, result_view, rfc3339, task_view
from schemas.events import FieldError, RequestRejected, TaskProgress

TYPES = {event: f"task_{event}" for event in ("started", "progress", "completed", "failed", "cancelled")}


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for a text frame.

    offset: of the record that it tells of, None of an answer. task_id, task_type: whom it concerns, None where
    it is shown to everybody. replaceable: a task_progress, which a newer one of the same task may replace.
    """

    type: str
    text: bytes
    offset: int | None = None
    task_id: str | None = None
    task_type: str | None = None
    replaceable: bool = False


def _text(type_: str, timestamp: int, fields: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": type_, "timestamp": rfc3339(timestamp), **fields})


def _answer(type_: str, now: int, fields: dict[str, Any]) -> Message:
    return Message(type_, _text(type_, now, fields))


def message_of(event: TaskProgress | RequestRejected, position: Position) -> Message:
    """The message that tells of a record of the progress topic."""
    if isinstance(event, RequestRejected):
        return rejected_message(event, position)
    return task_message(event, position)


def task_message(progress: TaskProgress, position: Position) -> Message:
    """The message that tells of a task's new state."""
    head = {
        "task_id": progress.task_id,
        "task_name": progress.task_name,
        "request_id": progress.request_id,
        "position": str(position),
    }
    type_ = TYPES[progress.event]
    text = _text(type_, progress.updated_at, {**head, **_body(progress)})
    return Message(type_, text, position.offset, progress.task_id, progress.type, progress.event == "progress")


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


def rejected_message(rejected: RequestRejected, position: Position) -> Message:
    """The answer to a request on Kafka that is no event of a task."""
    fields = {
        "code": rejected.code,
        "message": rejected.message,
        "request_id": rejected.request_id,
        "task_id": rejected.task_id,
        "details": orjson.loads(rejected.details),
        "position": str(position),
    }
    return Message("error", _text("error", rejected.rejected_at, fields), position.offset)


def error_message(
    now: int, code: str, message: str, task_id: str | None = None, details: dict[str, Any] | None = None
) -> Message:
    """The answer to a client's message that cannot be served. now: ms since the epoch, as below."""
    fields = {"code": code, "message": message, "request_id": None, "task_id": task_id}
    return _answer("error", now, {**fields, "details": details or {}})


def invalid_message(now: int, errors: Iterable[FieldError]) -> Message:
    """The answer to a client's message that breaks rules: every field and its rule."""
    broken = [{"field": error.field, "message": error.message} for error in errors]
    sentence = "; ".join(f"{one['field']} {one['message']}" for one in broken)
    return error_message(now, "invalid_message", sentence, details={"errors": broken})


def connection_established(now: int, user_id: str, channel: str, position: Position, expires_at: float) -> Message:
    """The first message of a connection, and the position after which its messages begin.

    expires_at: when the token does, in seconds since the epoch, as below.
    """
    fields = {
        "user_id": user_id,
        "channel": channel,
        "position": str(position),
        "expires_at": rfc3339(int(expires_at * 1000)),
    }
    return _answer("connection_established", now, fields)


def active_tasks(now: int, tasks: Iterable[TaskProgress], position: Position | None) -> Message:
    """A snapshot of tasks, and the position that it is of; None while what was missed is still being told."""
    fields = {"tasks": [task_view(task) for task in tasks], "position": None if position is None else str(position)}
    return _answer("active_tasks", now, fields)


def resumed(now: int, position: Position) -> Message:
    """From here on come all messages after the position."""
    return _answer("resumed", now, {"position": str(position)})


def authenticated(now: int, user_id: str, expires_at: float) -> Message:
    """A new token has been taken."""
    return _answer("authenticated", now, {"user_id": user_id, "expires_at": rfc3339(int(expires_at * 1000))})


def token_expiring(now: int, expires_at: float) -> Message:
    """The connection will be closed, unless a new token comes."""
    return _answer("token_expiring", now, {"expires_at": rfc3339(int(expires_at * 1000))})


def shutting_down(now: int, retry_seconds: float) -> Message:
    """The connection is closed next, and should be opened again after so long."""
    text = f"the gateway shuts down; connect again in {retry_seconds:.1f} s"
    return error_message(now, "shutting_down", text, details={"retry_after_seconds": round(retry_seconds, 3)})


def pong(now: int) -> Message:
    """The answer to a ping."""
    return _answer("pong", now, {})


def subscribed(now: int, task_id: str) -> Message:
    """This task's messages come."""
    return _answer("subscribed", now, {"task_id": task_id})


def unsubscribed(now: int, task_id: str) -> Message:
    """This task is no longer asked for by itself."""
    return _answer("unsubscribed", now, {"task_id": task_id})
