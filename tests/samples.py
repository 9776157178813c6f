"""Events that several folders of tests vary."""

from dataclasses import replace

from docs import samples
from docs.samples import CREATED

__all__ = ["CREATED", "RUNNING", "TASK"]

TASK = "0f6b2a4e-0000-5000-8000-000000000001"
RUNNING = replace(samples.RUNNING, task_id=TASK, user_id="ann", project_id="p-1", quantity=3000, batches_total=3)
