"""Refusals, whoever refuses: intake of a request by what it breaks, coordinate of one that was planned."""

import json
from collections.abc import Mapping

from schemas.events import FieldError, Submission, TaskRefused, ValidationSubmitted
from schemas.parse import RequestInvalid, sentence_of
from schemas.requests import GenerateRequest, ValidateRequest


def invalid(
    request: GenerateRequest | ValidateRequest, code: str, *errors: FieldError, **more: object
) -> RequestInvalid:
    """What intake raises of a request that breaks no rule of form. more: further fields of RequestInvalid."""
    return RequestInvalid(
        errors,
        code,
        type=request.type,
        user_id=request.user_id,
        request_id=request.request_id,
        project_id=request.project_id,
        task_name=request.task_name,
        **more,  # type: ignore[arg-type]
    )


def refused(
    submitted: Submission,
    code: str,
    *errors: FieldError,
    body_hash: bytes,
    details: Mapping[str, object] | None = None,
) -> TaskRefused:
    """What coordinate makes of a request that intake let pass. body_hash: what the refusal is known by."""
    return TaskRefused(
        task_id=submitted.task_id,
        user_id=submitted.user_id,
        request_id=submitted.request_id,
        project_id=submitted.project_id,
        task_name=submitted.task_name,
        type="validate" if isinstance(submitted, ValidationSubmitted) else "generate",
        body_hash=body_hash,
        requested_at=submitted.requested_at,
        code=code,
        message=sentence_of(errors),
        errors=errors,
        details=json.dumps(details or {}),
    )
