"""PostgreSQL as the gateway reads it: a small pool of sessions that cannot write, and a deadline a query."""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from pipeline.errors import Unavailable

log = logging.getLogger(__name__)

QUERY_SECONDS = 10.0
WAIT_SECONDS = 5.0  # for a free session
# planned anew each time: which plan is right depends on the filters
OPTIONS = {"application_name": "numberline-gateway", "prepare_threshold": None}
Connection = psycopg.AsyncConnection[dict[str, Any]]


class Database:
    """Sessions that read. They are opened at the first use, so that a gateway starts without PostgreSQL."""

    def __init__(self, url: str, connections: int) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            timeout=WAIT_SECONDS,
            reconnect_timeout=WAIT_SECONDS,  # then again when somebody asks, and not minutes later
            open=False,
            name="numberline-gateway",
            configure=_read_only,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "row_factory": dict_row, **OPTIONS},
        )

    def stats(self) -> dict[str, int]:
        """The pool's own figures."""
        return self._pool.get_stats()

    async def close(self) -> None:
        """Close all sessions."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A session.  Raises Unavailable where there is none, where it is lost or too slow, or before `init`."""
        await self._pool.open()
        try:
            async with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            raise Unavailable("session of PostgreSQL", WAIT_SECONDS) from error
        except psycopg.errors.QueryCanceled as error:
            raise Unavailable("answer of PostgreSQL", QUERY_SECONDS) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            log.error("the tables are missing, or those of an earlier numberline: %s", error)
            raise Unavailable("tables of this version: run `numberline init`", 0) from error
        except psycopg.OperationalError as error:
            log.warning("a session of PostgreSQL was lost: %s", error)
            raise Unavailable("answer of PostgreSQL", QUERY_SECONDS) from error

    async def check(self) -> None:
        """Raises Unavailable where PostgreSQL does not answer."""
        await self.rows("SELECT 1", {})

    async def rows(self, query: LiteralString, parameters: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """What a query answers.  Raises Unavailable."""
        async with self.connection() as connection:
            return await (await connection.execute(query, parameters)).fetchall()


async def _read_only(connection: Connection) -> None:
    await connection.execute("SET default_transaction_read_only = on")
    await connection.execute(f"SET statement_timeout = '{int(QUERY_SECONDS)}s'".encode())
