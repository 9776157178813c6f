"""The Celery application and its one task."""

import random
from functools import cache

import django
from celery import Celery

django.setup()

from django.conf import settings  # noqa: E402

from bench.peers.django_service.models import Block, PhoneNumber, Task  # noqa: E402

BATCH = 5_000

app = Celery("django_service")
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={
        "data_folder_in": str(settings.STATE / "queue"),
        "data_folder_out": str(settings.STATE / "queue"),
        "control_folder": str(settings.STATE / "control"),
        "polling_interval": settings.POLLING_SECONDS,
    },
    result_backend=f"file://{settings.STATE / 'results'}",
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


def new_task(quantity: int, area_codes: list[str]) -> int:
    """Make a task's row: its id."""
    return int(Task.objects.create(user_id="bench", area_codes=area_codes, quantity=quantity).pk)


@app.task
def generate_numbers(task_id: int) -> int:
    """Make a task's numbers, and say how many were delivered: as many as `bulk_create` returned."""
    task = Task.objects.get(pk=task_id)
    task.status = "running"
    task.save(update_fields=["status"])
    blocks = [block for area_code in task.area_codes for block in blocks_of(area_code)]
    while task.delivered < task.quantity:
        wanted = min(BATCH, task.quantity - task.delivered)
        numbers = [draw(task, random.choice(blocks)) for _ in range(wanted)]
        task.delivered += len(PhoneNumber.objects.bulk_create(numbers, ignore_conflicts=True, batch_size=BATCH))
        task.save(update_fields=["delivered"])
    task.status = "completed"
    task.save(update_fields=["status"])
    return int(task.delivered)


@cache
def blocks_of(area_code: str) -> list[Block]:
    """Its thousands blocks, read once by a worker."""
    return list(Block.objects.filter(area_code=area_code))


def draw(task: Task, block: Block) -> PhoneNumber:
    """A number of a block."""
    return PhoneNumber(
        number=f"+1{block.area_code}{block.exchange}{block.thousands}{random.randrange(1000):03}",
        area_code=block.area_code,
        exchange=block.exchange,
        carrier=block.carrier,
        state=block.state,
        country=block.country,
        timezone=block.timezone,
        line_type=block.line_type,
        task_id=task.pk,
        user_id=task.user_id,
    )
