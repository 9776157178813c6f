"""numbers -> store -> PostgreSQL, task-events: one transaction a batch inserts its marker and copies its rows."""

import json
import time

import numpy as np
import numpy.typing as npt
from psycopg import AsyncCopy
from psycopg.errors import UniqueViolation

from agents.binary_copy import NUMBER_ROW
from agents.database import Connection, Database
from agents.delivery import Delivery, pure
from agents.prefixes import Prefixes
from agents.records import Record, task_event
from agents.turns import SMALL_ROWS
from pipeline import numbering
from pipeline.binary_copy import written_rows
from pipeline.counts import Counts, counts_of
from pipeline.errors import BatchImpossible
from pipeline.metrics import WorkerMetrics
from schemas import events

MARKER = """
WITH marker AS (
    INSERT INTO batches (task_id, batch_no, user_id, project_id, area_code, count, prefix_version, verdict)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (task_id, batch_no) DO NOTHING RETURNING batch_id, user_id
), counted AS (
    INSERT INTO count_changes (user_id, counts) SELECT user_id, %s::jsonb FROM marker
)
"""
INSERT_MARKER = f"{MARKER} SELECT batch_id FROM marker"
INSERT_SMALL = f"""
{MARKER}
INSERT INTO numbers (number, batch_id, prefix_id)
SELECT number, batch_id, prefix_id FROM marker, unnest(%b::bigint[], %b::int[]) AS one (number, prefix_id)
"""
SELECT_MARKER = "SELECT area_code, count FROM batches WHERE task_id = %s AND batch_no = %s"
COPY_NUMBERS = "COPY numbers (number, batch_id, prefix_id) FROM STDIN (FORMAT BINARY)"

Numbers = npt.NDArray[np.int64]
PrefixIds = npt.NDArray[np.int32]
Row = tuple[object, ...]


class Store:
    """The step store."""

    def __init__(self, delivery: Delivery, prefixes: Prefixes, database: Database, metrics: WorkerMetrics) -> None:
        self._delivery, self._prefixes, self._database, self._metrics = delivery, prefixes, database, metrics

    async def __call__(self, record: Record) -> None:
        """One enriched batch: durable, then reported with the count that is durable."""
        with pure():
            batch = record.event(events.NumbersEnriched)
            numbers, prefix_ids = columns(batch)
        prefixes = await self._prefixes.of(batch.area_code, batch.prefix_version, record.partition)
        with pure():
            row = marker(batch, counts_of(prefix_ids, prefixes, batch.verdict))
        started = time.perf_counter()
        count = await self.stored(batch, row, numbers, prefix_ids)
        self._metrics.store_seconds.observe(time.perf_counter() - started)
        stored = events.BatchStored(batch.task_id, batch.user_id, batch.batch, batch.area_code, batch.asked, count)
        await self._delivery.send(task_event(stored))

    async def stored(self, batch: events.NumbersEnriched, row: Row, numbers: Numbers, prefix_ids: PrefixIds) -> int:
        """Rows of the batch that are durable.  Raises BatchImpossible where the database holds a number already."""
        write = self._insert if len(numbers) <= SMALL_ROWS else self._copy
        try:
            async with self._database.connection(len(numbers)) as connection:
                if not await write(connection, row, numbers, prefix_ids):
                    return await self._marked_count(connection, batch)
        except UniqueViolation as error:
            self._metrics.ledger_conflicts.inc()
            raise BatchImpossible(
                "ledger_conflict",
                f"PostgreSQL holds a number of this batch already: {error.diag.message_detail}",
            ) from error
        self._metrics.batches.labels("stored").inc()
        self._metrics.numbers.labels("stored").inc(len(numbers))
        return len(numbers)

    async def _insert(self, connection: Connection, row: Row, numbers: Numbers, prefix_ids: PrefixIds) -> bool:
        """Marker and a few rows by one statement, which is one round trip; False where there are none to write."""
        rows = numbers.tolist(), prefix_ids.tolist()
        return bool((await connection.execute(INSERT_SMALL, (*row, *rows))).rowcount)

    async def _copy(self, connection: Connection, row: Row, numbers: Numbers, prefix_ids: PrefixIds) -> bool:
        """Marker and many rows by COPY; False where the marker is there already."""
        async with connection.transaction():
            inserted = await (await connection.execute(INSERT_MARKER, row)).fetchone()
            if inserted is None:
                return False
            async with connection.cursor().copy(COPY_NUMBERS) as copy:
                await self._write(copy, numbers, inserted[0], prefix_ids)
        return True

    async def _write(self, copy: AsyncCopy, numbers: Numbers, batch_id: int, prefix_ids: PrefixIds) -> None:
        await copy.write(copy_rows(numbers, batch_id, prefix_ids))

    async def _marked_count(self, connection: Connection, batch: events.NumbersEnriched) -> int:
        """The count of a batch that is there already; another content under its identity is an alarm."""
        row = await (await connection.execute(SELECT_MARKER, (batch.task_id, batch.batch))).fetchone()
        if row != (int(batch.area_code), batch.count):
            self._metrics.ledger_conflicts.inc()
            raise BatchImpossible(
                "ledger_conflict",
                f"the batch is stored with area code and count {row}, "
                f"and came again with ({batch.area_code}, {batch.count})",
            )
        self._metrics.batches.labels("repeated").inc()
        return batch.count


def marker(batch: events.NumbersEnriched, counts: Counts) -> Row:
    """The row of a batch and its counts as the values of INSERT_MARKER."""
    return (
        batch.task_id,
        batch.batch,
        batch.user_id,
        batch.project_id,
        int(batch.area_code),
        batch.count,
        batch.prefix_version,
        batch.verdict,
        json.dumps(counts, ensure_ascii=False),
    )


def columns(batch: events.NumbersEnriched) -> tuple[Numbers, PrefixIds]:
    """E.164 numbers and prefix ids of a batch.  Raises ValueError where their lengths disagree."""
    numbers = np.frombuffer(batch.numbers, "<u4")
    prefix_ids = np.frombuffer(batch.prefix_ids, "<i4").astype(np.int32)
    if not len(numbers) == len(prefix_ids) == batch.count:
        raise ValueError(f"{len(numbers)} numbers, {len(prefix_ids)} prefix ids, count {batch.count}")
    return numbering.e164(batch.area_code, numbers), prefix_ids


def copy_rows(numbers: Numbers, batch_id: int, prefix_ids: PrefixIds) -> bytes:
    """The rows of a batch as the input of a binary COPY."""
    return written_rows(NUMBER_ROW, number=numbers, batch=batch_id, prefix=prefix_ids)
