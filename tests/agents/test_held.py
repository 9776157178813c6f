"""What a validation names, out of a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

import agents.held
from agents.database import Database
from agents.held import held_batches
from pipeline.metrics import WorkerMetrics

INSERT = """
INSERT INTO batches (task_id, batch_no, user_id, project_id, area_code, count, prefix_version)
SELECT gen_random_uuid(), 0, %s, 'p1', 212, %s, 1 FROM generate_series(1, %s)
"""


@pytest.fixture
async def database(database_url: str, metrics: WorkerMetrics) -> AsyncIterator[Database]:
    """That of a worker."""
    made = Database(database_url, 2, 30.0, metrics)
    yield made
    await made.close()


async def test_the_batches_of_a_project_are_read_up_to_one_more_than_a_plan_takes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enough to refuse it; those without numbers and other users' are not among them."""
    monkeypatch.setattr(agents.held, "MOST_HELD_BATCHES", 3)
    async with database.connection(0) as connection:
        for values in (("ann", 0, 9), ("ben", 7, 9), ("ann", 5, 2)):
            await connection.execute(INSERT, values)
        assert (await held_batches(database, "ann", None, "p1")).counts.tolist() == [5, 5]
        await connection.execute(INSERT, ("ann", 6, 9))
    assert (await held_batches(database, "ann", None, "p1")).counts.tolist() == [5, 5, 6, 6]
