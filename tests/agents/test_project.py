"""The row of a task on a real PostgreSQL: it only goes forward."""

import asyncio
import json
import uuid
from dataclasses import replace

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer

from agents.delivery import Delivery
from agents.producers import StepProducer
from agents.project import INSERT_AUDIT, UPSERT, Projection, as_audit_row, as_row
from embedded import Kafka
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from schemas.events import Audited, TaskError
from tests.gateway.events import ended, progressed

ROW = "SELECT sequence, status, succeeded FROM task_states"


def test_only_a_higher_sequence_changes_the_row_of_a_task(database_url: str) -> None:
    """A replay, a zombie's late message and another content under a known sequence change nothing."""
    running, end = progressed(4), ended(5, "completed")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for event in (running, end):
            connection.execute(UPSERT, as_row(event))
        after = connection.execute(ROW).fetchall()
        assert [row[:2] for row in after] == [(5, "completed")]
        for late in (running, end, replace(end, status="failed"), replace(running, sequence=1)):
            connection.execute(UPSERT, as_row(late))
            assert connection.execute(ROW).fetchall() == after
        connection.execute(UPSERT, as_row(replace(end, sequence=6, status="cancelled")))
        assert [row[:2] for row in connection.execute(ROW)] == [(6, "cancelled")]


def test_whatever_an_error_or_an_audit_record_says_is_written(database_url: str) -> None:
    """They quote what users have sent; what PostgreSQL cannot hold of it is replaced."""
    odd = json.dumps({"errors": [{"field": "\0", "message": "\ud800"}], "\0": 1})
    failed = replace(ended(5, "failed"), error=TaskError("invalid_request", "a\0b", odd))
    audited = Audited(str(uuid.uuid4()), 0, "ann", "generate", "x", "refused", odd)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(UPSERT, as_row(failed))
        connection.execute(INSERT_AUDIT, as_audit_row(audited))
        ((error,),) = connection.execute("SELECT error FROM task_states").fetchall()
        ((details,),) = connection.execute("SELECT details FROM audit_records").fetchall()
    assert details == {"errors": [{"field": "\ufffd", "message": "\ufffd"}], "\ufffd": 1}
    assert error == {"code": "invalid_request", "message": "a\ufffdb", "details": details}


async def test_a_worker_ends_though_its_group_gives_no_answer(
    kafka_server: Kafka, namespace: str, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another member of it hangs while it is shared out anew: whoever stops a worker does not wait for that one."""
    monkeypatch.setattr("agents.project.STOP_SECONDS", 0.1)
    waiting, stop, left = asyncio.Event(), AIOKafkaConsumer.stop, list[AIOKafkaConsumer]()

    async def never(consumer: AIOKafkaConsumer, **options: object) -> None:
        left.append(consumer)
        waiting.set()
        await asyncio.get_running_loop().create_future()

    settings = Settings(kafka_bootstrap_servers=kafka_server.bootstrap_servers, namespace=namespace)
    delivery = Delivery(StepProducer(kafka_server.bootstrap_servers, "test", {}), namespace, 1, 60, metrics)
    monkeypatch.setattr(AIOKafkaConsumer, "start", stop)  # of its group nothing is needed here
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", never)
    monkeypatch.setattr(AIOKafkaConsumer, "stop", never)
    running = asyncio.create_task(Projection(settings, delivery, None).run())  # type: ignore[arg-type]
    await waiting.wait()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert len(left) == 2
