"""PostgreSQL as the steps use it: a small pool, deadlines, and a way past a session that blocks."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from datetime import datetime
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
# a session that blocks another one, and whose client says nothing at two looks, is a paused or lost worker's; one
# at work is let be, however long it takes: a sound transaction may take seconds on a busy server, a migration too
LOCK_WAIT_SECONDS, LOOK_AGAIN_SECONDS = 2.0, 1.0
BLOCKING_AND_SILENT = """
SELECT pid, state_change FROM unnest(pg_blocking_pids(%s)) AS blocking JOIN pg_stat_activity ON pid = blocking
WHERE wait_event_type = 'Client'
"""
REMEDY = "Run `numberline init` with the rights to change tables, or grant this worker's role what it needs."


def refusal(error: psycopg.Error) -> str | None:
    """Why a connection was refused, where the next attempt would be refused as well."""
    found = REFUSED_CONNECTION.search(str(error))
    return None if found is None else found[1] or found[2]


class Database:
    """Connections of one worker. Whoever holds one for longer than LOCK_WAIT_SECONDS, blocked by a session whose
    client is silent, has that session ended: what it wrote is rolled back.

    deadline_seconds: for which one may be held. A turn is waited for as long as it takes: whoever holds one has
    that deadline, and a worker that has much to write is sound.
    """

    def __init__(self, url: str, connections: int, deadline_seconds: float, metrics: WorkerMetrics) -> None:
        self._url, self._deadline_seconds, self._metrics = url, deadline_seconds, metrics
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
        Raises Unavailable where it is held past the deadline, and DatabaseRefuses where what is done with it is
        refused for a reason that will not pass.
        """
        await self._pool.open()  # at the first use, in the loop that goes on using it
        async with self._turns.turn(rows):
            try:
                async with asyncio.timeout(self._deadline_seconds), self._pool.connection() as connection:
                    watch = asyncio.create_task(self._end_what_blocks(connection.info.backend_pid))
                    try:
                        yield connection
                    finally:
                        watch.cancel()
            except TimeoutError:
                raise Unavailable("answer of PostgreSQL", self._deadline_seconds) from None
            except REFUSALS as error:
                raise DatabaseRefuses(f"PostgreSQL refuses: {error.diag.message_primary}", REMEDY) from None

    async def check(self) -> None:
        """Return when it answers.  Raises Unavailable."""
        try:
            if self._checked is None or self._checked.closed:
                self._checked = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            await self._checked.execute("SELECT 1")
        except psycopg.Error as error:
            raise Unavailable(f"answer of PostgreSQL ({error})", 0) from None

    async def _end_what_blocks(self, pid: int) -> None:
        await asyncio.sleep(LOCK_WAIT_SECONDS)
        with contextlib.suppress(psycopg.Error):  # PostgreSQL is away: the deadline holds
            await self._look_for_what_blocks(pid)

    async def _look_for_what_blocks(self, pid: int) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            silent: set[tuple[int, datetime]] = set()
            while True:
                found = set(await (await connection.execute(BLOCKING_AND_SILENT, (pid,))).fetchall())
                for blocker, _ in silent & found:
                    # told of first: once it is ended the batch goes on at once, and its watch is cancelled
                    log.warning("ending the PostgreSQL session %d, which blocks a batch and does nothing", blocker)
                    self._metrics.store_retries.labels("blocked").inc()
                    await connection.execute("SELECT pg_terminate_backend(%s)", (blocker,))
                silent = found
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
