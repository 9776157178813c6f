"""Events that several folders of tests vary."""

from schemas.events import TaskProgress

TASK = "0f6b2a4e-0000-5000-8000-000000000001"
CREATED = 1_767_225_600_000  # 2026-01-01T00:00:00Z

RUNNING = TaskProgress(
    task_id=TASK,
    user_id="ann",
    sequence=1,
    event="started",
    request_id="r-1",
    project_id="p-1",
    task_name="spring",
    type="generate",
    status="running",
    quantity=3000,
    processed_items=0,
    succeeded=0,
    failed_items=0,
    batches_done=0,
    batches_total=3,
    current_step="generating",
    created_at=CREATED,
    started_at=CREATED + 5,
    updated_at=CREATED + 5,
    completed_at=None,
    estimated_completion=None,
    result=None,
    error=None,
)
