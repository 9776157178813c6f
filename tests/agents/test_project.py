"""The row of a task on a real PostgreSQL: it only goes forward."""

from dataclasses import replace

import psycopg

from agents.project import UPSERT, as_row
from tests.gateway.events import ended, progressed

ROW = "SELECT sequence, status, succeeded FROM task_states"


def test_only_a_higher_sequence_changes_the_row_of_a_task(database_url: str) -> None:
    """A replay, a zombie's late message and another content under a known sequence change nothing."""
    running, end = progressed(4), ended(5, "completed")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for event in (running, end):
            connection.execute(UPSERT, as_row(event))
        after = connection.execute(ROW).fetchall()
        assert [row[:2] for row in after] == [(5, "completed")]
        for late in (running, end, replace(end, status="failed"), replace(running, sequence=1)):
            connection.execute(UPSERT, as_row(late))
            assert connection.execute(ROW).fetchall() == after
        connection.execute(UPSERT, as_row(replace(end, sequence=6, status="cancelled")))
        assert [row[:2] for row in connection.execute(ROW)] == [(6, "cancelled")]
