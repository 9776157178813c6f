"""One SQL statement, looped until the count is exact: into the Django service's table, and into rows like ours."""

from collections.abc import Sequence
from typing import Any

import psycopg

# the blocks of the request are numbered, so that a random integer picks one
DRAW = """
WITH picked AS MATERIALIZED (
    SELECT row_number() OVER () AS place, blocks.* FROM peers.blocks WHERE area_code = ANY(%(area_codes)s)
), drawn AS MATERIALIZED (
    SELECT 1 + floor(random() * (SELECT count(*) FROM picked))::int AS place, floor(random() * 1000)::int AS line
    FROM generate_series(1, %(missing)s)
)
"""
WIDE = f"""{DRAW}
INSERT INTO peers.phone_number (
    number, area_code, exchange, carrier, state, country, timezone, line_type, task_id, user_id, created_at
)
SELECT '+1' || area_code || exchange || thousands || lpad(line::text, 3, '0'), area_code, exchange,
    carrier, state, country, timezone, line_type, %(task_id)s, 'bench', now()
FROM drawn JOIN picked USING (place)
ON CONFLICT (number) DO NOTHING
"""
NARROW = f"""{DRAW}
INSERT INTO peers.numbers (number, batch_id, prefix_id)
SELECT ('1' || area_code || exchange || thousands || '000')::bigint + line, %(task_id)s, prefix_id
FROM drawn JOIN picked USING (place)
ON CONFLICT (number) DO NOTHING
"""
TASK = """
INSERT INTO peers.task (user_id, area_codes, quantity, delivered, status, created_at)
VALUES ('bench', %s, %s, 0, 'running', now()) RETURNING id
"""
BATCH = """
INSERT INTO peers.batches (task_id, batch_no, user_id, area_code, count, prefix_version)
VALUES (gen_random_uuid(), 0, 'bench', %s, %s, 1) RETURNING batch_id
"""


def generate_wide(connection: psycopg.Connection[Any], quantity: int, area_codes: Sequence[str]) -> int:
    """Fill the Django service's table; the number of rows that the statements say they have inserted."""
    return _looped(connection, TASK, ([*area_codes], quantity), WIDE, quantity, area_codes)


def generate_narrow(connection: psycopg.Connection[Any], quantity: int, area_codes: Sequence[str]) -> int:
    """Fill a table like `numbers`; the number of rows that the statements say they have inserted."""
    return _looped(connection, BATCH, (int(area_codes[0]), quantity), NARROW, quantity, area_codes)


def _looped(
    connection: psycopg.Connection[Any],
    owner: str,
    values: Sequence[object],
    statement: str,
    quantity: int,
    area_codes: Sequence[str],
) -> int:
    """In one transaction: the row that owns the numbers, and the statement until none is missing."""
    inserted = 0
    with connection.transaction(), connection.cursor() as cursor:
        row = cursor.execute(owner, values).fetchone()
        assert row is not None
        while missing := quantity - inserted:
            cursor.execute(statement, {"area_codes": [*area_codes], "missing": missing, "task_id": row[0]})
            inserted += cursor.rowcount
    return inserted
