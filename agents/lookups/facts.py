"""Answers as facts in PostgreSQL: of a batch before it is reported, and for later tasks as a cache with an age."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from agents.database import Connection, Database
from pipeline.judge import Answer
from schemas.events import NumbersJudged

SELECT_FACTS = """
SELECT number, cached, line_type, carrier, reason, error FROM lookups WHERE task_id = %s AND batch_no = %s
"""
SELECT_CACHED = """
SELECT DISTINCT ON (number) number, line_type, carrier, reason FROM lookups
WHERE number = ANY(%s) AND provider = %s AND error IS NULL AND NOT cached AND answered_at BETWEEN %s AND %s
ORDER BY number, answered_at DESC
"""
INSERT_FACTS = """
INSERT INTO lookups (task_id, batch_no, provider, cached, number, line_type, carrier, reason, error)
SELECT %s, %s, %s, %s, number, line_type, carrier, reason, error
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS new (number, line_type, carrier, reason, error)
ON CONFLICT (task_id, batch_no, number) DO NOTHING
"""
INSERT_CALL = """
INSERT INTO lookup_calls (task_id, batch_no, number) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING number
"""
SELECT_CALLS = """
SELECT number, begun_at < now() - make_interval(secs => %s) FROM lookup_calls WHERE task_id = %s AND batch_no = %s
"""


class LookupFacts:
    """The tables `lookups` and `lookup_calls`: facts of (task, batch, number), added and never changed."""

    def __init__(self, database: Database, provider: str) -> None:
        self._database, self._provider = database, provider

    async def of(self, batch: NumbersJudged) -> dict[int, tuple[Answer, bool]]:
        """What is known of a batch: number -> answer, and whether it came out of the cache."""
        async with self._database.connection(0) as connection:
            rows = await (await connection.execute(SELECT_FACTS, (batch.task_id, batch.batch))).fetchall()
        return {number: (Answer(*answer), cached) for number, cached, *answer in rows}

    async def cache(self, batch: NumbersJudged, numbers: Sequence[int], since: datetime, until: datetime) -> None:
        """Make facts of what was answered for other tasks between two moments; failures are asked again."""
        async with self._database.connection(0) as connection:
            query = (list(numbers), self._provider, since, until)
            rows = await (await connection.execute(SELECT_CACHED, query)).fetchall()
            if rows:
                found = {number: Answer(*answer) for number, *answer in rows}
                await self._insert(connection, batch, found, cached=True)

    async def begin(self, batch: NumbersJudged, number: int) -> bool:
        """Make a fact of the call that is about to be made; False where one was begun before."""
        async with self._database.connection(0) as connection:
            row = await connection.execute(INSERT_CALL, (batch.task_id, batch.batch, number))
            return await row.fetchone() is not None

    async def begun(self, batch: NumbersJudged, seconds: float) -> dict[int, bool]:
        """The numbers whose call was begun, and whether so long ago that no answer of it will come any more."""
        async with self._database.connection(0) as connection:
            rows = await connection.execute(SELECT_CALLS, (seconds, batch.task_id, batch.batch))
            return dict(await rows.fetchall())

    async def add(self, batch: NumbersJudged, answers: Mapping[int, Answer]) -> None:
        """Make facts of answers; one that is there already stays as it is."""
        async with self._database.connection(len(answers)) as connection:
            await self._insert(connection, batch, answers, cached=False)

    async def _insert(
        self, connection: Connection, batch: NumbersJudged, answers: Mapping[int, Answer], cached: bool
    ) -> None:
        found = sorted(answers.items())
        await connection.execute(
            INSERT_FACTS,
            (
                batch.task_id,
                batch.batch,
                self._provider,
                cached,
                [number for number, _ in found],
                [answer.line_type for _, answer in found],
                [answer.carrier for _, answer in found],
                [answer.reason for _, answer in found],
                [answer.error for _, answer in found],
            ),
        )
