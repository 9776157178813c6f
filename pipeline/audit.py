"""What is kept of who asked for what and what came of it: one record a request, cancel or operator's change."""

import json

from pipeline.coordinate import Decision
from schemas.events import (
    Audited,
    CancelRequested,
    RequestRejected,
    TaskEvent,
    TaskRefused,
    TaskSubmitted,
    ValidationSubmitted,
)
from schemas.identity import record_task_id
from schemas.parse import RequestInvalid

NOBODY = "unknown"  # who sent what cannot be read, or proves no user


def of_event(event: TaskEvent, decision: Decision, place: tuple[str, int, int], at: int) -> Audited | None:
    """What coordinate keeps of a request that it has decided on; None for what is none, or for a repetition.

    place: topic, partition and offset of the event, which the record's id follows from; at: its time, ms.
    """
    if decision.repeated or not isinstance(
        event, TaskSubmitted | ValidationSubmitted | TaskRefused | CancelRequested
    ):
        return None
    details: dict[str, object] = {"request_id": event.request_id}
    match event:
        case TaskSubmitted() | ValidationSubmitted():
            details["quantity"] = event.plan.quantity
        case TaskRefused():
            details |= {"code": event.code, "message": event.message}
    refused = isinstance(event, TaskRefused)
    if isinstance(decision.progress, RequestRejected):
        refused = True
        details |= {"code": decision.progress.code, "message": decision.progress.message}
    return Audited(
        record_id=record_task_id(*place),
        at=at,
        actor=event.user_id,
        action=_action(event),
        subject=event.task_id,
        outcome="refused" if refused else "accepted",
        details=json.dumps(details),
    )


def of_unread(error: Exception, place: tuple[str, int, int], at: int) -> Audited:
    """What intake keeps of a request that coordinate never hears of."""
    code = error.code if isinstance(error, RequestInvalid) else "not_authenticated"
    return Audited(
        record_id=record_task_id(*place),
        at=at,
        actor=NOBODY,
        action=error.type if isinstance(error, RequestInvalid) else NOBODY,
        subject=f"{place[0]}/{place[1]}/{place[2]}",
        outcome="refused",
        details=json.dumps({"code": code, "message": str(error)}),
    )


def _action(event: TaskSubmitted | ValidationSubmitted | TaskRefused | CancelRequested) -> str:
    match event:
        case TaskSubmitted():
            return "generate"
        case ValidationSubmitted():
            return "validate"
        case CancelRequested():
            return "cancel"
        case TaskRefused():
            return event.type
