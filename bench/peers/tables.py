"""The peers' tables: schema `peers` of the measured database, beside the product's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

WIDE, NARROW = "phone_number", "numbers"
# area codes of the request alone, one row a thousands block: what a program reads before it draws
MAKE = """
CREATE SCHEMA peers;
CREATE TABLE peers.numbers (LIKE public.numbers INCLUDING ALL);
CREATE TABLE peers.batches (LIKE public.batches INCLUDING ALL);
CREATE TABLE peers.blocks (
    block_id integer PRIMARY KEY, prefix_id integer NOT NULL,
    area_code text NOT NULL, exchange text NOT NULL, thousands text NOT NULL,
    carrier text, state text, country text, timezone text, line_type text
);
"""
FILL = """
INSERT INTO peers.blocks
SELECT row_number() OVER (), prefix_id, area_code, nxx, digit, carrier, state, country, timezone, line_type
FROM prefixes, generate_series(0, 9) AS digit
WHERE version = (SELECT max(version) FROM prefixes) AND area_code = ANY(%s) AND (blocks >> digit) & 1 = 1
AND nxx NOT IN (555, 700, 950, 958, 959, 976) AND nxx %% 100 <> 11
"""
COUNT_OURS = "SELECT count(DISTINCT number) FROM numbers JOIN batches USING (batch_id) WHERE task_id = %s"
INDEX = "CREATE INDEX blocks_area_code ON peers.blocks (area_code); ANALYZE peers.blocks;"


class Tables:
    """A connection to them."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def empty(self) -> None:
        """Remove all rows that peers have made, and let the server settle: all begin from the same."""
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'peers' AND tablename <> 'blocks'"
        names = [sql.Identifier("peers", name) for (name,) in self._connection.execute(query)]
        self._connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(names)))
        self.settle()

    def settle(self) -> None:
        """Write what the server still has to write."""
        self._connection.execute("CHECKPOINT")

    def count(self, table: str) -> int:
        """Distinct numbers that are really there."""
        query = sql.SQL("SELECT count(DISTINCT number) FROM {}").format(sql.Identifier("peers", table))
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    def count_ours(self, task_id: str) -> int:
        """Numbers of a task of the product that are really there."""
        row = self._connection.execute(COUNT_OURS, (task_id,)).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def tables(database_url: str, area_codes: Sequence[str]) -> Iterator[Tables]:
    """Made here, and dropped at the end."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS peers CASCADE")
        try:
            connection.execute(MAKE)
            connection.execute(FILL, ([int(code) for code in area_codes],))
            connection.execute(INDEX)
            yield Tables(connection)
        finally:
            connection.execute("DROP SCHEMA IF EXISTS peers CASCADE")
