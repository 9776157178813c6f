"""The connections of a worker: turns, deadlines, and which sessions in the way are ended."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from agents.database import Database
from pipeline.errors import Unavailable
from pipeline.metrics import WorkerMetrics

LARGE = 5_000
LOCK = "SELECT pg_advisory_xact_lock(7)"


@pytest.fixture
async def database(database_url: str, metrics: WorkerMetrics) -> AsyncIterator[Database]:
    """With one place for large batches, and a deadline of a second."""
    made = Database(database_url, 1, 1.0, metrics)
    await one_of(made)  # it is connected: what follows takes no time for that
    yield made
    await made.close()


async def one_of(database: Database) -> int:
    """The answer to a query, in a turn of a large batch."""
    async with database.connection(LARGE) as connection:
        row = await (await connection.execute("SELECT 1")).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_turn_is_waited_for_beyond_the_deadline(database: Database) -> None:
    """A worker that has much to write is sound: what waits for others in it does not end it."""
    async with database._turns.turn(LARGE):
        waiting = asyncio.create_task(one_of(database))
        await asyncio.wait([waiting], timeout=1.5)
        assert not waiting.done()

    assert await waiting == 1


async def test_a_connection_held_past_the_deadline_is_unavailable(database: Database) -> None:
    """A server that does not answer ends the worker; the place is another's."""
    with pytest.raises(Unavailable) as failed:
        async with database.connection(LARGE) as connection:
            await connection.execute("SELECT pg_sleep(600)")

    assert str(failed.value) == "no answer of PostgreSQL within 1 s"
    assert await one_of(database) == 1


async def test_a_session_at_work_is_waited_for_though_it_blocks(
    database_url: str, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large transaction on a busy server, or a migration."""
    monkeypatch.setattr("agents.database.LOCK_WAIT_SECONDS", 0.1)
    monkeypatch.setattr("agents.database.LOOK_AGAIN_SECONDS", 0.1)
    database = Database(database_url, 1, 60.0, metrics)
    async with await psycopg.AsyncConnection.connect(database_url) as busy:
        await busy.execute(LOCK)
        working = asyncio.create_task(busy.execute("SELECT pg_sleep(1)"))
        working.add_done_callback(lambda done: asyncio.ensure_future(busy.commit()))

        async with database.connection(1) as connection:
            await connection.execute(LOCK)

        await working
    assert metrics.store_retries.labels("blocked")._value.get() == 0
    await database.close()


async def test_a_session_that_blocks_and_is_silent_is_ended(
    database_url: str, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two statements as well as inside a COPY (tests/agents/test_store.py)."""
    monkeypatch.setattr("agents.database.LOCK_WAIT_SECONDS", 0.1)
    monkeypatch.setattr("agents.database.LOOK_AGAIN_SECONDS", 0.1)
    database = Database(database_url, 1, 60.0, metrics)
    silent = await psycopg.AsyncConnection.connect(database_url)
    await silent.execute(LOCK)

    async with database.connection(1) as connection:
        await connection.execute(LOCK)

    assert metrics.store_retries.labels("blocked")._value.get() == 1
    with pytest.raises(psycopg.OperationalError):
        await silent.execute("SELECT 1")
    await silent.close()
    await database.close()
