"""Verdicts into PostgreSQL: one transaction a batch inserts its marker and writes what it found."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from psycopg.types.json import Jsonb

from agents.database import Connection, Database
from agents.delivery import pure
from agents.held import held_numbers
from agents.prefix_versions import Versions
from agents.tally import OF_BATCHES, OF_NUMBERS, recounted
from pipeline import numbering
from pipeline.errors import BatchImpossible
from pipeline.judge import JudgedNumber, judge_held
from pipeline.metrics import WorkerMetrics
from pipeline.suppress import SuppressedNumbers
from pipeline.validation import HELD, IDS
from pipeline.verdicts import Blocks
from schemas.events import BatchJudged, NumbersJudged, ValidationPlanned

UNKNOWN_ID = "unknown_id"

INSERT_MARKER = """
INSERT INTO validation_batches (task_id, batch_no, user_id, prefix_version) VALUES (%s, %s, %s, %s)
ON CONFLICT (task_id, batch_no) DO NOTHING RETURNING run_batch
"""
SELECT_MARKER = """
SELECT count, errors, reasons, lookups FROM validation_batches WHERE task_id = %s AND batch_no = %s
"""
UPDATE_MARKER = """
UPDATE validation_batches SET count = %s, errors = %s, reasons = %s, lookups = %s WHERE run_batch = %s
"""
# whoever judges a number locks its batch first, in one order: the newest verdict is the last one committed
LOCK_BATCHES = """
SELECT batch_id, prefix_version FROM batches WHERE batch_id = ANY(%s) ORDER BY batch_id FOR NO KEY UPDATE
"""
MARK_BATCHES = """
UPDATE batches SET verdict = new.verdict, verdict_version = %s, judged_at = now()
FROM unnest(%s::integer[], %s::text[]) AS new (batch_id, verdict) WHERE batches.batch_id = new.batch_id
"""
DELETE_EXCEPTIONS = "DELETE FROM verdicts WHERE batch_id = ANY(%s)"
INSERT_EXCEPTIONS = """
INSERT INTO verdicts (number, batch_id, reason, prefix_id, prefix_version, source)
SELECT number, batch_id, reason, prefix_id, %s, 'internal'
FROM unnest(%s::bigint[], %s::integer[], %s::text[], %s::integer[]) AS new (number, batch_id, reason, prefix_id)
"""
SELECT_HELD = """
SELECT n.number, n.batch_id FROM numbers n JOIN batches b USING (batch_id)
WHERE n.number = ANY(%s) AND b.user_id = %s
"""
UPSERT_VERDICTS = """
INSERT INTO verdicts (
    number, batch_id, reason, prefix_id, prefix_version, source,
    external_line_type, external_carrier, external_error
)
SELECT number, batch_id, reason, prefix_id, %s, source, line_type, carrier, error
FROM unnest(
    %s::bigint[], %s::integer[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::text[]
) AS new (number, batch_id, reason, prefix_id, source, line_type, carrier, error)
ON CONFLICT (number) DO UPDATE SET
    reason = excluded.reason, prefix_id = excluded.prefix_id, prefix_version = excluded.prefix_version,
    source = excluded.source, judged_at = excluded.judged_at, external_line_type = excluded.external_line_type,
    external_carrier = excluded.external_carrier, external_error = excluded.external_error
"""
COPY_RUN = """
COPY validation_numbers (
    run_batch, position, given, number, reason, prefix_id, source,
    external_line_type, external_carrier, external_error
) FROM STDIN
"""


class VerdictStore:
    """Writes the verdicts of a batch once, however often it comes, and says what was written."""

    def __init__(self, database: Database, versions: Versions, metrics: WorkerMetrics) -> None:
        self._database, self._versions, self._metrics = database, versions, metrics

    async def held(self, planned: ValidationPlanned, blocks: Blocks, suppressed: SuppressedNumbers) -> BatchJudged:
        """Judge whole stored batches: mark each, and write the numbers that differ.

        Raises BatchImpossible where the numbers are not those that the plan counted.
        """
        batch_ids = np.frombuffer(planned.batch_ids, "<i4").tolist()
        async with self._database.connection(planned.size) as connection, connection.transaction():
            run_batch = await self._insert_marker(connection, planned)
            if run_batch is None:
                return await self._marked(connection, planned)
            versions = dict(await (await connection.execute(LOCK_BATCHES, (batch_ids,))).fetchall())
            rows = await held_numbers(connection, batch_ids)
            if len(rows) != planned.size:
                counted = f"the plan has {planned.size} numbers, PostgreSQL {len(rows)}"
                raise BatchImpossible("numbers_gone", f"{counted}: was it restored from a backup?")
            of_batch = rows["batch"].astype(np.int32)
            numbers, stored = rows["number"].astype(np.int64), rows["prefix"].astype(np.int32)
            with pure():
                found = blocks.judge(numbers - numbering.COUNTRY, suppressed.among(numbers - numbering.COUNTRY))
            changed = np.zeros(len(rows), bool)
            for version in set(versions.values()) - {blocks.version}:
                then = await self._versions.contents(version, connection)
                now = await self._versions.contents(blocks.version, connection)
                mine = np.isin(of_batch, [one for one, other in versions.items() if other == version])
                changed |= mine & (then.of(stored) != now.of(found.prefix_ids))
            with pure():
                judged = judge_held(of_batch, numbers, found, changed)
            async with recounted(connection, OF_BATCHES, judged.batch_ids):
                await connection.execute(MARK_BATCHES, (blocks.version, judged.batch_ids, judged.verdicts))
                await connection.execute(DELETE_EXCEPTIONS, (judged.batch_ids,))
                if judged.numbers:
                    exceptions = (judged.numbers, judged.of_batch, judged.reasons, judged.prefix_ids)
                    await connection.execute(INSERT_EXCEPTIONS, (blocks.version, *exceptions))
            return await self._update_marker(connection, planned, run_batch, judged.counts)

    async def numbers(
        self, batch: NumbersJudged, rows: Sequence[JudgedNumber], lookups: Mapping[str, int] | None = None
    ) -> BatchJudged:
        """Write verdicts number by number: the run of a list, and the newest verdict on what its user holds."""
        async with self._database.connection(len(rows)) as connection, connection.transaction():
            run_batch = await self._insert_marker(connection, batch)
            if run_batch is None:
                return await self._marked(connection, batch)
            by_number = {row.number: row for row in rows if row.number is not None}
            held = dict(await (await connection.execute(SELECT_HELD, (list(by_number), batch.user_id))).fetchall())
            if held:
                await connection.execute(LOCK_BATCHES, (sorted(set(held.values())),))
                upserted = [by_number[number] for number in sorted(held)]
                columns = (
                    [row.number for row in upserted],
                    [held[row.number] for row in upserted],
                    [row.reason for row in upserted],
                    [-1 if row.prefix_id is None else row.prefix_id for row in upserted],
                    [row.source for row in upserted],
                    [row.external.line_type for row in upserted],
                    [row.external.carrier for row in upserted],
                    [row.external.error for row in upserted],
                )
                async with recounted(connection, OF_NUMBERS, sorted(held)):
                    await connection.execute(UPSERT_VERDICTS, (batch.prefix_version, *columns))
            unknown = [batch.kind == IDS and row.number not in held for row in rows]
            if batch.kind != HELD:
                async with connection.cursor().copy(COPY_RUN) as copy:
                    for row, foreign in zip(rows, unknown, strict=True):
                        await copy.write_row(_run_row(run_batch, row, foreign))
            counts = Counter(row.reason for row, foreign in zip(rows, unknown, strict=True) if not foreign)
            return await self._update_marker(connection, batch, run_batch, counts, sum(unknown), lookups or {})

    async def _insert_marker(self, connection: Connection, batch: ValidationPlanned | NumbersJudged) -> int | None:
        marker = (batch.task_id, batch.batch, batch.user_id, batch.prefix_version)
        row = await (await connection.execute(INSERT_MARKER, marker)).fetchone()
        return row[0] if row else None

    async def _marked(self, connection: Connection, batch: ValidationPlanned | NumbersJudged) -> BatchJudged:
        """What was written when the batch came first."""
        row = await (await connection.execute(SELECT_MARKER, (batch.task_id, batch.batch))).fetchone()
        assert row is not None  # markers are never deleted
        self._metrics.batches.labels("repeated").inc()
        return BatchJudged(batch.task_id, batch.user_id, batch.batch, *row)

    async def _update_marker(
        self,
        connection: Connection,
        batch: ValidationPlanned | NumbersJudged,
        run_batch: int,
        counts: Mapping[str, int],
        errors: int = 0,
        lookups: Mapping[str, int] | None = None,
    ) -> BatchJudged:
        reasons, asked = dict(sorted(counts.items())), dict(lookups or {})
        total = sum(reasons.values()) + errors
        await connection.execute(UPDATE_MARKER, (total, errors, Jsonb(reasons), Jsonb(asked), run_batch))
        self._metrics.batches.labels("judged").inc()
        self._metrics.numbers.labels("judged").inc(total)
        for reason, count in (*reasons.items(), (UNKNOWN_ID, errors)):
            if count:
                self._metrics.verdicts.labels(reason).inc(count)
        return BatchJudged(batch.task_id, batch.user_id, batch.batch, total, errors, reasons, asked)


def _run_row(run_batch: int, row: JudgedNumber, unknown: bool) -> tuple[object, ...]:
    """A row of COPY_RUN. unknown: the id of no number that the user holds, of which nothing more is said."""
    if unknown:
        return (run_batch, row.position, row.given, row.number, UNKNOWN_ID, None, row.source, None, None, None)
    external = row.external
    return (
        run_batch,
        row.position,
        row.given,
        row.number,
        row.reason,
        row.prefix_id,
        row.source,
        external.line_type,
        external.carrier,
        external.error,
    )
