"""What another version of the prefix data changes for the numbers that an installation holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from numberline.errors import VersionUnknown

VERSIONS = """
SELECT coalesce(max(version), 0), coalesce(array_agg(version), '{}')
FROM prefix_versions WHERE published_at IS NOT NULL
"""
# the blocks of two versions that differ in anything but their row, and the numbers within not judged since
TOUCHED = """
WITH held AS (
    SELECT version, area_code, nxx, digit,
        hashtextextended(ROW(carrier, line_type, state, country, timezone, rate_center)::text, 0) AS content
    FROM prefixes, generate_series(0, 9) AS digit
    WHERE version IN (%(since)s, %(current)s) AND (blocks >> digit) & 1 = 1
), changed AS (
    SELECT 10000000000 + area_code * 10000000::bigint + nxx * 10000 + digit * 1000 AS first
    FROM held GROUP BY area_code, nxx, digit HAVING count(*) <> 2 OR count(DISTINCT content) <> 1
)
SELECT b.user_id, b.task_id::text, count(*)
FROM changed
JOIN numbers n ON n.number BETWEEN changed.first AND changed.first + 999
JOIN batches b USING (batch_id)
WHERE coalesce(b.verdict_version, b.prefix_version) < %(current)s
    AND (%(user)s::text IS NULL OR b.user_id = %(user)s)
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Touched:
    """A task, and how many of its numbers lie in blocks that changed."""

    user_id: str
    task_id: str
    count: int


def touched(connection: psycopg.Connection[Any], since: int, user: str | None) -> tuple[int, Sequence[Touched]]:
    """The current version, and what has changed since that one and was not judged by the current one.

    user: this one's numbers alone. Raises VersionUnknown.
    """
    row = connection.execute(VERSIONS).fetchone()
    assert row is not None
    current, known = row
    if since not in known:
        raise VersionUnknown(since, sorted(known))
    found = connection.execute(TOUCHED, {"since": since, "current": current, "user": user}).fetchall()
    return current, [Touched(*one) for one in found]
