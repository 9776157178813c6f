"""progress -> project -> PostgreSQL: the tasks as SQL users see them, one row each."""

import json
from collections import OrderedDict
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from agents.database import Database
from agents.delivery import Delivery, Record, pure
from schemas import codec, events

LEAST_MILLISECONDS = 500  # between two rows of a running task: a view of progress, not its record
MOST_TASKS = 10_000

UPSERT = """
INSERT INTO task_states (
    task_id, sequence, request_id, user_id, project_id, task_name, type, status, quantity, processed_items,
    succeeded, failed_items, batches_done, batches_total, current_step, created_at, started_at, updated_at,
    completed_at, estimated_completion, result_data, error
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (task_id) DO UPDATE SET
    sequence = excluded.sequence, request_id = excluded.request_id, project_id = excluded.project_id,
    task_name = excluded.task_name, type = excluded.type, status = excluded.status,
    quantity = excluded.quantity, processed_items = excluded.processed_items, succeeded = excluded.succeeded,
    failed_items = excluded.failed_items, batches_done = excluded.batches_done,
    batches_total = excluded.batches_total, current_step = excluded.current_step,
    created_at = excluded.created_at, started_at = excluded.started_at, updated_at = excluded.updated_at,
    completed_at = excluded.completed_at, estimated_completion = excluded.estimated_completion,
    result_data = excluded.result_data, error = excluded.error
WHERE task_states.sequence < excluded.sequence
"""


class Project:
    """The step project."""

    def __init__(self, delivery: Delivery, database: Database) -> None:
        self._delivery, self._database = delivery, database
        self._written: OrderedDict[str, int] = OrderedDict()  # task -> record time of its last row

    async def __call__(self, record: Record) -> None:
        """One progress message; those of a running task at most twice a second."""
        with pure():
            event = codec.decode(record.value or b"")
            if not isinstance(event, events.TaskProgress):
                return
            row = as_row(event)
        if event.event == "progress" and self._is_recent(event.task_id, record.timestamp):
            return
        await self._delivery.within_deadline(self._upsert(row), "commit of PostgreSQL")
        self._written[event.task_id] = record.timestamp
        self._written.move_to_end(event.task_id)
        if len(self._written) > MOST_TASKS:
            self._written.popitem(last=False)

    def _is_recent(self, task_id: str, timestamp: int) -> bool:
        return timestamp - self._written.get(task_id, 0) < LEAST_MILLISECONDS

    async def _upsert(self, row: tuple[object, ...]) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(UPSERT, row)


def as_row(event: events.TaskProgress) -> tuple[object, ...]:
    """A progress message as the values of UPSERT."""
    result = event.result and {
        "total_generated": event.result.total_generated,
        "area_codes": dict(event.result.area_codes),
        "batches_processed": event.result.batches_processed,
        "prefix_data_version": event.result.prefix_data_version,
    }
    error = event.error and {
        "code": event.error.code,
        "message": event.error.message,
        "details": json.loads(event.error.details),
    }
    return (
        event.task_id,
        event.sequence,
        event.request_id,
        event.user_id,
        event.project_id,
        event.task_name,
        event.type,
        event.status,
        event.quantity,
        event.processed_items,
        event.succeeded,
        event.failed_items,
        event.batches_done,
        event.batches_total,
        event.current_step,
        _time(event.created_at),
        _time(event.started_at),
        _time(event.updated_at),
        _time(event.completed_at),
        _time(event.estimated_completion),
        result and Jsonb(result),
        error and Jsonb(error),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
