"""PostgreSQL as the steps use it: a small pool, deadlines, and a way past a session that blocks."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
from psycopg import errors
from psycopg_pool import AsyncConnectionPool

from agents.turns import Turns
from pipeline.errors import DatabaseRefuses, Unavailable
from pipeline.metrics import WorkerMetrics

log = logging.getLogger(__name__)

Connection = psycopg.AsyncConnection[Any]
# what will be refused again, however often it is asked for
REFUSALS = (
    errors.InsufficientPrivilege,
    errors.InvalidAuthorizationSpecification,
    errors.InvalidCatalogName,
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedTable,
)
# at connecting libpq gives no code, only the words of the server: those of one that speaks English
REFUSED_CONNECTION = re.compile(
    r"FATAL:\s+(password authentication failed .*|no pg_hba\.conf entry .*|permission denied for database .*"
    r'|(?:role|database) ".*" does not exist|role ".*" is not permitted to log in)'
    r"|fe_sendauth: (no password supplied)"
)
LOCK_WAIT_SECONDS = 2.0  # a healthy transaction of a batch takes milliseconds
REMEDY = "Run `numberline init` with the rights to change tables, or grant this worker's role what it needs."


def refusal(error: psycopg.Error) -> str | None:
    """Why a connection was refused, where the next attempt would be refused as well."""
    found = REFUSED_CONNECTION.search(str(error))
    return None if found is None else found[1] or found[2]


class Database:
    """Connections of one worker. Whoever holds one for longer than LOCK_WAIT_SECONDS while another session
    blocks it has that session ended: it is a paused or lost worker's, and what it wrote is rolled back."""

    def __init__(self, url: str, connections: int, deadline_seconds: float, metrics: WorkerMetrics) -> None:
        self._url, self._metrics = url, metrics
        self._turns = Turns(connections)
        self._pool = AsyncConnectionPool(
            url,
            min_size=connections + 1,
            max_size=connections + 1,
            timeout=deadline_seconds,
            open=False,
            name="numberline-worker",
            kwargs={"autocommit": True, "application_name": "numberline-worker"},
        )
        metrics.watch_pool(self._pool.get_stats)
        self._checked: Connection | None = None

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        if self._checked is not None:
            await self._checked.close()

    @contextlib.asynccontextmanager
    async def connection(self, rows: int) -> AsyncIterator[Connection]:
        """A connection in autocommit mode, kept from waiting for ever behind another session's locks.

        rows: about how many will be written by it; who has few goes first.
        Raises DatabaseRefuses where what is done with it is refused for a reason that will not pass.
        """
        await self._pool.open()  # at the first use, in the loop that goes on using it
        async with self._turns.turn(rows), self._pool.connection() as connection:
            watch = asyncio.create_task(self._end_what_blocks(connection.info.backend_pid))
            try:
                yield connection
            except REFUSALS as error:
                raise DatabaseRefuses(f"PostgreSQL refuses: {error.diag.message_primary}", REMEDY) from None
            finally:
                watch.cancel()

    async def check(self) -> None:
        """Return when it answers.  Raises Unavailable."""
        try:
            if self._checked is None or self._checked.closed:
                self._checked = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            await self._checked.execute("SELECT 1")
        except psycopg.Error as error:
            raise Unavailable(f"answer of PostgreSQL ({error})", 0) from None

    async def _end_what_blocks(self, pid: int) -> None:
        while True:
            await asyncio.sleep(LOCK_WAIT_SECONDS)
            async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                rows = await connection.execute(
                    "SELECT blocker, pg_terminate_backend(blocker) FROM unnest(pg_blocking_pids(%s)) AS blocker",
                    (pid,),
                )
                for blocker, _ in await rows.fetchall():
                    log.warning("ended the PostgreSQL session %d, which blocked a batch for 2 s", blocker)
                    self._metrics.store_retries.labels("blocked").inc()
