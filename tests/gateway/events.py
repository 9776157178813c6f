"""Progress events and tokens, as coordinate and users make them."""

import time
from dataclasses import replace
from typing import Any

from pipeline.tokens import TokenRules, sign
from schemas.events import GenerationResult, RequestRejected, TaskError, TaskProgress
from tests.samples import CREATED, RUNNING

SECRET = "a secret of the gateway's tests, 32 characters and more"
RULES = TokenRules(SECRET)
OTHER_TASK = "0f6b2a4e-0000-5000-8000-000000000002"


def started(**changes: Any) -> TaskProgress:
    """A task that has just begun."""
    return replace(RUNNING, **changes)


def progressed(sequence: int, **changes: Any) -> TaskProgress:
    """The same after one of its three batches."""
    made = replace(
        RUNNING,
        sequence=sequence,
        event="progress",
        processed_items=1000,
        succeeded=1000,
        batches_done=1,
        updated_at=CREATED + 1000,
        estimated_completion=CREATED + 3000,
    )
    return replace(made, **changes)


def ended(sequence: int, status: str, **changes: Any) -> TaskProgress:
    """The same at its end: completed, failed after 1000 numbers, or cancelled after as many."""
    delivered = 3000 if status == "completed" else 1000
    made = replace(
        RUNNING,
        sequence=sequence,
        event=status,
        status=status,
        processed_items=delivered,
        succeeded=delivered,
        failed_items=3000 - delivered,
        batches_done=delivered // 1000,
        current_step="done",
        updated_at=CREATED + 3000,
        completed_at=CREATED + 3000,
        result=GenerationResult(delivered, {"415": delivered}, delivered // 1000, 7),
        error=TaskError("capacity_exhausted", "no more", '{"missing": 2000}') if status == "failed" else None,
    )
    return replace(made, **changes)


def rejected(**changes: Any) -> RequestRejected:
    """An answer to a cancel of a task that is none."""
    made = RequestRejected(OTHER_TASK, "ann", "c-1", "unknown_task", "you have no such task", CREATED, '{"a": 1}')
    return replace(made, **changes)


def token(user_id: str = "ann", issued_at: float | None = None, rules: TokenRules = RULES, **options: Any) -> str:
    """A token of a user, of now or of another moment."""
    return sign(rules, user_id, time.time() if issued_at is None else issued_at, **options)
