"""The step store on a real PostgreSQL: a batch is stored once, whole, whatever happens on the way."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import psycopg
import pytest

import agents.store
from agents.database import Database
from agents.records import Outgoing
from agents.store import COPY_NUMBERS, Store, columns, copy_rows
from pipeline import numbering
from pipeline.errors import BatchImpossible, StepFailed
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.partitions import partition_for
from tests.agents.fakes import FakeDelivery, record_of

TASK = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"
ROWS = (
    "SELECT number, prefix_id, task_id::text, batch_no FROM numbers JOIN batches USING (batch_id) ORDER BY number"
)


def batch(numbers: list[int], number: int = 0, task: str = TASK, **changes: Any) -> events.NumbersEnriched:
    """An enriched batch of area code 212; the prefix id of a number is the number and one."""
    made = events.NumbersEnriched(
        task_id=task,
        user_id="ann",
        batch=number,
        project_id="p1",
        area_code="212",
        asked=len(numbers),
        prefix_version=1,
        count=len(numbers),
        verdict=None,
        numbers=np.array(numbers, "<u4").tobytes(),
        prefix_ids=(np.array(numbers, "<i4") + 1).astype("<i4").tobytes(),
    )
    return replace(made, **changes)


class OneRowANumber:
    """Prefix data in which each number has a row of its own, as `batch` says, all of one company."""

    async def of(self, area_code: str, version: int, partition: int) -> Any:
        """That of any area code."""
        columns = {
            name: SimpleNamespace(names=("", value), codes=np.ones(1 << 23, np.uint16))
            for name, value in {"carrier": "ACME, INC.", "line_type": "wireless", "state": "NY"}.items()
        }
        return SimpleNamespace(area_code=area_code, first_prefix_id=1, rows=SimpleNamespace(attributes=columns))


class Stored:
    """A store on a database, and what it told the task."""

    def __init__(self, url: str, database: Database, metrics: WorkerMetrics) -> None:
        self.url, self.database, self.metrics = url, database, metrics
        self.calls: list[tuple[str, Any]] = []
        self._store = Store(
            FakeDelivery(self.calls),  # type: ignore[arg-type]
            OneRowANumber(),  # type: ignore[arg-type]
            database,
            metrics,
        )

    async def take(self, event: events.NumbersEnriched) -> None:
        """Run the step on one batch."""
        await self._store(record_of(event, topics.NUMBERS))

    def told(self) -> list[events.Event]:
        """The events sent."""
        return [codec.decode(message.value) for _, message in self.calls]

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, seen from another session."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture
async def stored(database_url: str, metrics: WorkerMetrics) -> AsyncIterator[Stored]:
    """A store with two connections, as a worker has it."""
    database = Database(database_url, 2, 20, metrics)
    yield Stored(database_url, database, metrics)
    await database.close()


def inside_a_copy(url: str, event: events.NumbersEnriched) -> subprocess.Popen[str]:
    """A process that has inserted the marker and copied the rows of a batch, and does not commit."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.agents.stopped_copy", url, codec.encode(event).hex()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in the COPY\n"
    return process


def message_of(stored: Stored) -> Outgoing:
    """The one message sent."""
    ((kind, message),) = stored.calls
    assert kind == "send"
    assert isinstance(message, Outgoing)
    return message


async def test_a_batch_is_stored_with_its_marker_and_reported(stored: Stored) -> None:
    """Rows are E.164 integers; the task hears what is durable, keyed by its user."""
    await stored.take(batch([7_123_456, 0], asked=5))

    assert stored.query(ROWS) == [
        (12_122_000_000, 1, TASK, 0),
        (12_129_123_456, 7_123_457, TASK, 0),
    ]
    assert stored.query("SELECT user_id, project_id, area_code, count, prefix_version, verdict FROM batches") == [
        ("ann", "p1", 212, 2, 1, None)
    ]
    message = message_of(stored)
    assert codec.decode(message.value or b"") == events.BatchStored(TASK, "ann", 0, "212", 5, 2)
    assert (message.topic, message.key, message.partition_key) == (topics.TASK_EVENTS, b"ann", "ann")
    assert partition_for(message.partition_key, 8) == partition_for("ann", 8)
    assert stored.metrics.numbers.labels("stored")._value.get() == 2


async def test_a_batch_is_stored_once_however_often_it_comes(stored: Stored) -> None:
    """The task hears the same each time."""
    for _ in range(3):
        await stored.take(batch([1, 2, 3]))

    assert [row[0] for row in stored.query(ROWS)] == [12_122_000_001, 12_122_000_002, 12_122_000_003]
    assert stored.query("SELECT count(*) FROM batches") == [(1,)]
    assert stored.told() == [events.BatchStored(TASK, "ann", 0, "212", 3, 3)] * 3
    assert stored.metrics.numbers.labels("stored")._value.get() == 3
    batches = stored.metrics.batches
    assert (batches.labels("stored")._value.get(), batches.labels("repeated")._value.get()) == (1, 2)


async def test_an_empty_batch_is_stored_too(stored: Stored) -> None:
    """An area code without a number left still has to be reported."""
    await stored.take(batch([], asked=10))
    await stored.take(batch([], asked=10))

    assert stored.query("SELECT count FROM batches") == [(0,)]
    assert stored.told() == [events.BatchStored(TASK, "ann", 0, "212", 10, 0)] * 2


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (batch([1, 2]), "(212, 2)"),
        (batch([1, 2, 3], area_code="415"), "(415, 3)"),
    ],
)
async def test_another_content_under_a_stored_identity_is_a_conflict(
    stored: Stored, other: events.NumbersEnriched, found: str
) -> None:
    """Area code and count are compared with the marker's; nothing is changed, and an alarm counts up."""
    await stored.take(batch([1, 2, 3]))
    before = stored.query(ROWS)

    with pytest.raises(BatchImpossible) as failed:
        await stored.take(other)

    assert failed.value.code == "ledger_conflict"
    assert str(failed.value) == (
        f"ledger_conflict: the batch is stored with area code and count (212, 3), and came again with {found}"
    )
    assert stored.query(ROWS) == before
    assert len(stored.calls) == 1
    assert stored.metrics.ledger_conflicts._value.get() == 1


async def test_a_number_that_is_held_already_stops_its_batch(stored: Stored) -> None:
    """Nothing of the batch is stored, not even its marker, and an alarm counts up."""
    await stored.take(batch([1, 2, 3]))

    with pytest.raises(BatchImpossible) as failed:
        await stored.take(batch([9, 3, 10], number=1))

    assert str(failed.value) == (
        "ledger_conflict: PostgreSQL holds a number of this batch already: "
        "Key (number)=(12122000003) already exists."
    )
    assert [row[0] for row in stored.query(ROWS)] == [12_122_000_001, 12_122_000_002, 12_122_000_003]
    assert stored.query("SELECT batch_no FROM batches") == [(0,)]
    assert stored.metrics.ledger_conflicts._value.get() == 1
    assert len(stored.calls) == 1


async def test_a_batch_whose_columns_disagree_is_refused(stored: Stored) -> None:
    """It is a property of the record; nothing reaches the database."""
    with pytest.raises(StepFailed, match="2 numbers, 2 prefix ids, count 3"):
        await stored.take(batch([1, 2], count=3))
    assert stored.query("SELECT count(*) FROM batches") == [(0,)]


async def test_a_stopped_session_inside_its_copy_is_ended_and_the_batch_stored(stored: Stored) -> None:
    """Rule 7: a paused zombie holds the marker, uncommitted; its successor does not wait for it."""
    event = batch(list(range(1000)))
    zombie = inside_a_copy(stored.url, event)
    try:
        zombie.send_signal(signal.SIGSTOP)

        await stored.take(event)

        assert stored.query("SELECT count(*) FROM numbers") == [(1000,)]
        assert stored.told() == [events.BatchStored(TASK, "ann", 0, "212", 1000, 1000)]
        assert stored.metrics.store_retries.labels("blocked")._value.get() == 1
    finally:
        zombie.kill()
        zombie.communicate()


async def test_a_connection_cut_in_the_middle_leaves_nothing(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error ends the worker; when the batch comes again, it is stored."""
    cuts = 0

    def cut(*columns: Any) -> bytes:
        nonlocal cuts
        cuts += 1
        ended = stored.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'numberline-worker' AND datname = current_database() AND state <> 'idle'"
        )
        assert ended == [(1,)]
        return copy_rows(*columns)

    monkeypatch.setattr(agents.store, "copy_rows", cut)
    with pytest.raises(psycopg.OperationalError):
        await stored.take(batch(list(range(5000))))
    monkeypatch.undo()

    assert cuts == 1
    assert stored.query("SELECT (SELECT count(*) FROM numbers), (SELECT count(*) FROM batches)") == [(0, 0)]
    assert stored.calls == []
    await stored.take(batch(list(range(5000))))
    assert stored.query("SELECT count(*) FROM numbers") == [(5000,)]


async def test_our_copy_stores_what_the_drivers_own_stores(database_url: str) -> None:
    """Binary rows from numpy against psycopg's binary COPY of the same values, up to the greatest."""
    event = batch([0, 1, 7_999_999, 1_234_567], area_code="989")
    numbers, prefix_ids = columns(event)
    prefix_ids[0] = 2**31 - 1
    expected = [
        (number, 2**31 - 2, prefix) for number, prefix in zip(numbers.tolist(), prefix_ids.tolist(), strict=True)
    ]
    dump = "COPY (SELECT * FROM {} ORDER BY number) TO STDOUT (FORMAT BINARY)"

    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE driver (LIKE numbers)")
        with connection.cursor().copy(COPY_NUMBERS) as copy:
            copy.write(copy_rows(numbers, 2**31 - 2, prefix_ids))
        with connection.cursor().copy(COPY_NUMBERS.replace("numbers", "driver").encode()) as copy:
            copy.set_types(["int8", "int4", "int4"])
            for row in expected:
                copy.write_row(row)
        tables = []
        for name in ("numbers", "driver"):
            with connection.cursor().copy(dump.format(name).encode()) as copy:
                tables.append(b"".join(bytes(part) for part in copy))
        rows = connection.execute("SELECT number, batch_id, prefix_id FROM numbers").fetchall()

    assert tables[0] == tables[1]
    assert sorted(rows) == sorted(expected)
    assert numbers.tolist() == numbering.e164("989", np.array([0, 1, 7_999_999, 1_234_567])).tolist()
