"""A request's record as an event of its task, or as its refusal."""

import hashlib
from dataclasses import dataclass, replace

from pipeline.capacity import Capacity
from pipeline.catalogue import Catalogue
from pipeline.plan import plan_request
from pipeline.validation import Held, Terms, plan_validation
from schemas import events
from schemas.identity import record_task_id, task_id
from schemas.parse import RequestInvalid, parse_request
from schemas.requests import CancelRequest, Request, ValidateRequest


@dataclass(frozen=True)
class Named:
    """What a validation's plan needs beside the request. held: the stored batches that it names.

    suppressions: place of the last change of what is suppressed. lookups: what a task may have looked up, None
    without a provider.
    """

    held: Held | None = None
    suppressions: int = 0
    lookups: int | None = None


def request_type(event: events.TaskEvent) -> str:
    """The type of the request that made this event."""
    if isinstance(event, events.ValidationSubmitted):
        return "validate"
    return "cancel" if isinstance(event, events.CancelRequested) else "generate"


def read_request(record: events.RequestRecord, catalogue: Catalogue, caller: str | None) -> Request:
    """A record's request.  Raises RequestInvalid with all the rules that it breaks."""
    try:
        request = parse_request(record.value)
    except RequestInvalid as invalid:
        if invalid.filters is None:
            raise
        raise replace(invalid, errors=(*invalid.errors, *catalogue.errors(invalid.filters))) from None
    if caller not in (None, request.user_id):
        raise _of_another_user(request)
    return request


def submitted(
    record: events.RequestRecord,
    request: Request,
    capacity: Capacity,
    window: int,
    fictional_only: bool,
    named: Named,
) -> events.Submission | events.CancelRequested:
    """A request as an event of its task.  Raises RequestInvalid."""
    if isinstance(request, CancelRequest):
        return events.CancelRequested(request.task_id, request.user_id, request.request_id)
    task = task_id(request.user_id, request.request_id)
    if isinstance(request, ValidateRequest):
        terms = Terms(capacity.catalogue.version, window, named.lookups, named.suppressions)
        return events.ValidationSubmitted(
            task_id=task,
            user_id=request.user_id,
            request_id=request.request_id,
            project_id=request.project_id,
            task_name=request.task_name,
            body_hash=request.body_hash(),
            requested_at=record.timestamp,
            plan=plan_validation(request, terms, named.held),
        )
    return events.TaskSubmitted(
        task_id=task,
        user_id=request.user_id,
        request_id=request.request_id,
        project_id=request.project_id,
        task_name=request.task_name,
        body_hash=request.body_hash(),
        requested_at=record.timestamp,
        plan=plan_request(request, capacity, task, window, fictional_only),
    )


def with_quota(
    record: events.RequestRecord, event: events.Submission, quota: events.Quota | None
) -> events.Submission:
    """A submission with its user's quota, and with its record where coordinate may refuse it."""
    target = event.plan.held_task if isinstance(event, events.ValidationSubmitted) else None
    if quota is None and target is None:
        return event
    return replace(event, quota=quota, record=record)


def _of_another_user(request: Request) -> RequestInvalid:
    error = events.FieldError("user_id", "must be the user of the authorization header")
    return RequestInvalid((error,), "not_authorized", request.type, request.user_id, request.request_id)


def refusal(record: events.RequestRecord, invalid: RequestInvalid) -> events.TaskRefused | None:
    """What tells a user that a request was refused; None where no user can be read."""
    if invalid.user_id is None:
        return None
    task = (
        task_id(invalid.user_id, invalid.request_id)
        if invalid.request_id
        else record_task_id(record.topic, record.partition, record.offset)
    )
    return events.TaskRefused(
        task_id=task,
        user_id=invalid.user_id,
        request_id=invalid.request_id,
        project_id=invalid.project_id,
        task_name=invalid.task_name,
        type=invalid.type,
        body_hash=invalid.body_hash or hashlib.sha256(record.value or b"").digest(),
        requested_at=record.timestamp,
        code=invalid.code,
        message=str(invalid),
        errors=invalid.errors,
        details=invalid.details,
    )
