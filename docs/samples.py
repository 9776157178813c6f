"""A task as the documents show it, and tests vary it."""

from schemas.events import TaskProgress
from schemas.identity import task_id

USER, REQUEST = "ada", "r-1"
CREATED = 1_767_225_600_000  # 2026-01-01T00:00:00Z
RUNNING = TaskProgress(
    task_id=task_id(USER, REQUEST),
    user_id=USER,
    sequence=1,
    event="started",
    request_id=REQUEST,
    project_id=None,
    task_name="spring",
    type="generate",
    status="running",
    quantity=10_000,
    processed_items=0,
    succeeded=0,
    failed_items=0,
    batches_done=0,
    batches_total=2,
    current_step="generating",
    created_at=CREATED,
    started_at=CREATED + 5,
    updated_at=CREATED + 5,
    completed_at=None,
    estimated_completion=None,
    result=None,
    error=None,
)
