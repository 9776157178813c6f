"""count_changes -> user_counts: what store and judge have changed, added up in PostgreSQL, beside the steps.

The sum of both is exact at every moment; folding keeps the part that a query adds up itself small.
"""

import asyncio

from agents.database import Database

PAUSE_SECONDS = 0.5
MOST_CHANGES = 1_000
MOST_ROWS = MOST_CHANGES * 100  # of all values of all attributes that these may change
LOCK = 0x6E756D62  # any number that nothing else locks: one worker folds at a time

# rows are locked in one order, and a row deleted is a row added: all of it or nothing
FOLD = """
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%s) AS ours
), taken AS (
    DELETE FROM count_changes
    WHERE (SELECT ours FROM turn) AND change_id IN (SELECT change_id FROM count_changes ORDER BY change_id LIMIT %s)
    RETURNING user_id, counts
)
INSERT INTO user_counts (user_id, attribute, value, count)
SELECT user_id, a.key, v.key, sum(v.value::bigint)
FROM taken, jsonb_each(counts) AS a, jsonb_each(a.value) AS v
GROUP BY user_id, a.key, v.key
ORDER BY user_id, a.key, v.key
ON CONFLICT (user_id, attribute, value) DO UPDATE SET count = user_counts.count + excluded.count
"""


class Fold:
    """Folds for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Never returns; an error of PostgreSQL ends it, and with it the worker."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            await self.once()

    async def once(self) -> None:
        """Fold the oldest rows, in a turn after those of whatever has come until a second later."""
        async with self._database.connection(MOST_ROWS) as connection:
            await connection.execute(FOLD, (LOCK, MOST_CHANGES))
