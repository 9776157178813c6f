"""count_changes, as judging leaves them: what the judged counted before, taken away, and what they count since.

A number counts by its newest verdict, and by the holder that this verdict found where that is not the stored one.
The transaction has locked the batches, so nobody else changes what is counted here in between.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import LiteralString

from agents.database import Connection

_OF_WHOLE_BATCHES: LiteralString = """
SELECT user_id, 'verdict' AS attribute, verdict AS value, count::bigint AS count
FROM batches WHERE batch_id = ANY(%(ids)s)
UNION ALL
"""


def _recount(whole: LiteralString, column: LiteralString) -> LiteralString:
    """A change: what these batches or numbers count, times a factor."""
    return f"""
WITH counted AS ({whole}
    SELECT b.user_id, a.attribute, a.value, a.count
    FROM verdicts v
    JOIN batches b USING (batch_id)
    JOIN numbers n USING (number)
    JOIN prefixes stored ON stored.prefix_id = n.prefix_id
    LEFT JOIN prefixes judged ON judged.prefix_id = v.prefix_id,
    LATERAL (
        VALUES
            ('verdict', b.verdict, -1), ('verdict', v.reason, 1),
            ('carrier', stored.carrier, -1), ('carrier', judged.carrier, 1),
            ('line_type', stored.line_type, -1), ('line_type', judged.line_type, 1),
            ('state', stored.state, -1), ('state', judged.state, 1)
    ) AS a (attribute, value, count)
    WHERE v.{column} = ANY(%(ids)s) AND (a.attribute = 'verdict' OR v.prefix_id IS NOT NULL)
), summed AS (
    SELECT user_id, attribute, coalesce(value, '') AS value, sum(count) * %(factor)s AS count
    FROM counted GROUP BY 1, 2, 3 HAVING sum(count) <> 0
), attributes AS (
    SELECT user_id, attribute, jsonb_object_agg(value, count) AS counts FROM summed GROUP BY 1, 2
)
INSERT INTO count_changes (user_id, counts)
SELECT user_id, jsonb_object_agg(attribute, counts) FROM attributes GROUP BY 1
"""


OF_BATCHES = _recount(_OF_WHOLE_BATCHES, "batch_id")
OF_NUMBERS = _recount("", "number")  # of batches whose own verdict stays


@contextlib.asynccontextmanager
async def recounted(connection: Connection, query: LiteralString, ids: Sequence[int]) -> AsyncIterator[None]:
    """Within: change the verdicts of these batches, or numbers; the counts follow, in the same transaction."""
    await connection.execute(query, {"ids": ids, "factor": -1})
    yield
    await connection.execute(query, {"ids": ids, "factor": 1})
