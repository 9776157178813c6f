"""The floor of storing: one bare binary COPY of the very rows that a task delivered."""

import time
from types import TracebackType
from typing import Any, Self

import psycopg

from bench.errors import BenchError

TABLE = "bench_copy_floor"
# in the order of delivery: batch by batch, the numbers of each ascending
READ_BACK = """
COPY (
    SELECT number, batch_id, prefix_id FROM numbers JOIN batches USING (batch_id)
    WHERE task_id = %s ORDER BY batch_id, number
) TO STDOUT (FORMAT BINARY)
"""
COPY = f"COPY {TABLE} (number, batch_id, prefix_id) FROM STDIN (FORMAT BINARY)"


class CopyFloor:
    """One connection of its own, with the server's settings as they are: commits are durable."""

    def __init__(self, database_url: str) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(database_url, autocommit=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def rows_of(self, task_id: str) -> bytes:
        """The rows of a task as PostgreSQL's binary COPY format, ready to be written."""
        with self._connection.cursor() as cursor, cursor.copy(READ_BACK, (task_id,)) as copy:
            return b"".join(bytes(chunk) for chunk in copy)

    def seconds(self, rows: bytes, count: int, *, indexes: bool) -> float:
        """How long COPY and commit take, into an empty table like `numbers`, with its indexes or without any.

        Raises BenchError where another number of rows arrived than `count`.
        """
        like = "INCLUDING ALL" if indexes else "INCLUDING ALL EXCLUDING INDEXES"
        # in a transaction of its own: a COPY into a table made in the same one would write no WAL
        self._connection.execute(f"CREATE TABLE {TABLE} (LIKE numbers {like})".encode())
        try:
            started = time.perf_counter()
            with self._connection.transaction(), self._connection.cursor() as cursor:
                with cursor.copy(COPY) as copy:
                    copy.write(rows)
                arrived = cursor.rowcount
            elapsed = time.perf_counter() - started
        finally:
            self._connection.execute(f"DROP TABLE {TABLE}".encode())
        if arrived != count:
            raise BenchError(f"the COPY of {count} rows stored {arrived}")
        return elapsed
