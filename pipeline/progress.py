"""What users hear of a task: its state as a TaskProgress, a function of its facts and the last one's time."""

import json

from pipeline.task import Task
from schemas.events import (
    BatchStored,
    GenerationResult,
    TaskError,
    TaskEvent,
    TaskProgress,
    TaskRefused,
    TaskSubmitted,
    ValidationPlan,
    ValidationResult,
    ValidationSubmitted,
)

PERIOD_MS = 50  # a running task is heard of once in each
LAST_MOMENT_MS = 253_402_300_799_999  # of the year 9999, the last that rows and RFC 3339 have


def due(before: Task, after: Task, event: TaskEvent, at: int) -> bool:
    """Whether users hear of a fact: of every one but a stored batch in the midst of a task, of which only the first
    of each period counts. Twenty messages a second show a task as live as two hundred, and cost a tenth."""
    if not isinstance(event, BatchStored) or after.status != "running":
        return True
    return at // PERIOD_MS > before.latest_at // PERIOD_MS


def progress_after(task: Task, event: TaskEvent, at: int) -> TaskProgress:
    """The progress message that one more fact makes; `task` has it already. at: ms since the epoch."""
    if task.submitted is None:
        assert isinstance(event, TaskRefused)
        return _of_refusal(task, event, at)
    source, plan = task.submitted, task.plan
    running = task.status == "running"
    validation = isinstance(source, ValidationSubmitted)
    return TaskProgress(
        task_id=source.task_id,
        user_id=source.user_id,
        sequence=task.facts,
        event=_event(task, event),
        request_id=source.request_id,
        project_id=source.project_id,
        task_name=source.task_name,
        type="validate" if validation else "generate",
        status=task.status,
        quantity=plan.quantity,
        processed_items=task.delivered + task.errors,
        succeeded=task.delivered,
        failed_items=task.errors + (0 if running else task.missing),
        batches_done=task.done,
        batches_total=max(task.sent, task.numbered) if task.closing is None else task.sent,
        current_step=_step(task),
        created_at=source.requested_at,
        started_at=task.started_at,
        updated_at=at,
        completed_at=None if running else at,
        estimated_completion=_estimate(task, at) if running else None,
        result=None if running or validation else result_of(task),
        error=error_of(task),
        validation=validation_of(task) if validation and not running else None,
    )


def _event(task: Task, event: TaskEvent) -> str:
    if task.status != "running":
        return task.status
    return "started" if isinstance(event, TaskSubmitted | ValidationSubmitted) else "progress"


def _step(task: Task) -> str:
    if task.status != "running":
        return "done"
    if task.closing is not None:
        return "closing"
    if isinstance(task.plan, ValidationPlan):
        return "validating"
    return "generating" if task.done < task.numbered else "supplementing"


def _estimate(task: Task, at: int) -> int | None:
    processed = task.plan.quantity - task.missing
    if not processed or task.closing is not None:
        return None
    estimate = at + (at - task.started_at) * task.missing // processed
    return estimate if estimate <= LAST_MOMENT_MS else None


def result_of(task: Task) -> GenerationResult:
    """What a generation delivered."""
    return GenerationResult(
        total_generated=task.delivered,
        area_codes={code: count for code, count in sorted(task.delivered_by_code.items()) if count},
        batches_processed=task.done,
        prefix_data_version=task.plan.prefix_version,
    )


def validation_of(task: Task) -> ValidationResult:
    """What a validation found; all of it valid, invalid or not to be judged."""
    valid = task.verdicts.get("valid", 0)
    return ValidationResult(
        validated_count=task.delivered,
        valid_count=valid,
        invalid_count=task.delivered - valid,
        error_count=task.errors,
        reasons=dict(sorted(task.verdicts.items())),
        lookups=dict(sorted(task.lookups.items())),
        prefix_data_version=task.plan.prefix_version,
    )


def error_of(task: Task) -> TaskError | None:
    """Why a task failed, with the figures."""
    if task.submitted is None or task.status != "failed":
        return None
    delivered = {"requested": task.plan.quantity, "delivered": task.delivered, "missing": task.missing}
    if task.closing is not None:
        details = {**delivered, "batch": task.closing.batch}
        return TaskError(task.closing.code, task.closing.message, json.dumps(details))
    return TaskError(
        "capacity_exhausted",
        f"{task.delivered} of {task.plan.quantity} numbers delivered: no area code of the request has more",
        json.dumps({**delivered, "area_codes": result_of(task).area_codes}),
    )


def _of_refusal(task: Task, refused: TaskRefused, at: int) -> TaskProgress:
    details = {
        "errors": [{"field": error.field, "message": error.message} for error in refused.errors],
        **json.loads(refused.details),
    }
    return TaskProgress(
        task_id=refused.task_id,
        user_id=refused.user_id,
        sequence=task.facts,
        event="failed",
        request_id=refused.request_id,
        project_id=refused.project_id,
        task_name=refused.task_name,
        type=refused.type,
        status="failed",
        quantity=0,
        processed_items=0,
        succeeded=0,
        failed_items=0,
        batches_done=0,
        batches_total=0,
        current_step="refused",
        created_at=refused.requested_at,
        started_at=None,
        updated_at=at,
        completed_at=at,
        estimated_completion=None,
        result=None,
        error=TaskError(refused.code, refused.message, json.dumps(details)),
    )
