"""progress, audit -> project -> PostgreSQL: tasks as SQL users see them, one row each, and the audit trail."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from psycopg.types.json import Jsonb

from agents.database import Database
from agents.delivery import Delivery, pure
from agents.records import Record
from pipeline import log_context
from pipeline.kafka_security import security_options
from pipeline.settings import Settings, heartbeat_seconds
from pipeline.storable import storable_json
from pipeline.views import error_view, moment_of, result_view
from schemas import codec, events, topics
from schemas.topics import MEBIBYTE

PAUSE_SECONDS = 0.25  # what moves within it is read and written at once; who follows a task asks a gateway
MOST_RECORDS = 2_000
STOP_SECONDS = 2.0

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

INSERT_AUDIT = """
INSERT INTO audit_records (record_id, at, actor, action, subject, outcome, details)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (record_id) DO NOTHING
"""


class Projection:
    """Reads with a group of its own and without tables, so it is no Faust agent: many records a transaction."""

    def __init__(self, settings: Settings, delivery: Delivery, database: Database) -> None:
        self._settings, self._delivery, self._database = settings, delivery, database
        self._newest: dict[str, events.TaskProgress] = {}
        self._audited: dict[str, events.Audited] = {}

    async def run(self) -> None:
        """Read for ever: write the newest state of each task that has moved, then commit the offsets."""
        consumer = AIOKafkaConsumer(
            topics.topic_name(self._settings.namespace, topics.PROGRESS),
            topics.topic_name(self._settings.namespace, topics.AUDIT),
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            **security_options(self._settings),
            group_id=f"{self._settings.namespace}-project",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            # one answer of the broker for all that moves meanwhile, and not one a record
            fetch_min_bytes=MEBIBYTE,
            fetch_max_wait_ms=int(PAUSE_SECONDS * 1000),
            group_instance_id=self._settings.worker_id,
            session_timeout_ms=int(self._settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(heartbeat_seconds(self._settings) * 1000),
        )
        await consumer.start()
        try:
            while True:
                await self._take(await consumer.getmany(timeout_ms=1000, max_records=MOST_RECORDS))
                if self._newest or self._audited:
                    log_context.end()
                    await self._write()
                    self._newest.clear()
                    self._audited.clear()
                with contextlib.suppress(IllegalStateError, CommitFailedError):  # a rebalance: read again
                    await consumer.commit()
        finally:
            await _stop(consumer)

    async def _take(self, found: Mapping[TopicPartition, list[ConsumerRecord]]) -> None:
        for records in found.values():
            for one in records:
                record = Record(
                    one.topic, one.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers)
                )
                await self._delivery.process("project", self._keep, record)

    async def _keep(self, record: Record) -> None:
        with pure():
            event = codec.decode(record.value or b"")
        if isinstance(event, events.TaskProgress):
            log_context.know_task(event.task_id)
            known = self._newest.get(event.task_id)
            if known is None or known.sequence < event.sequence:
                self._newest[event.task_id] = event
        elif isinstance(event, events.Audited):
            self._audited[event.record_id] = event

    async def _write(self) -> None:
        # in one order, so that two workers with the same tasks (after a rebalance) cannot lock each other out
        rows = [as_row(event) for _, event in sorted(self._newest.items())]
        audit = [as_audit_row(event) for _, event in sorted(self._audited.items())]
        async with self._database.connection(len(rows) + len(audit)) as connection, connection.transaction():
            await connection.cursor().executemany(UPSERT, rows)
            await connection.cursor().executemany(INSERT_AUDIT, audit)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group, if that does not take long: its other members may be about to share it out anew, one of them
    may hang, and its answer comes when they have done without that one. What was written is committed already."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()


def as_row(event: events.TaskProgress) -> tuple[object, ...]:
    """A progress message as the values of UPSERT."""
    result, error = result_view(event), error_view(event.error)
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
        result and _jsonb(result),
        error and _jsonb(error),
    )


def as_audit_row(event: events.Audited) -> tuple[object, ...]:
    """An audit record as the values of INSERT_AUDIT."""
    details = _jsonb(json.loads(event.details))
    return event.record_id, _time(event.at), event.actor, event.action, event.subject, event.outcome, details


def _jsonb(value: object) -> Jsonb:
    """Of what users have sent, whatever that is: a record that cannot be written would end all workers for good."""
    return Jsonb(storable_json(value))


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else moment_of(milliseconds)
