"""A batch that no worker can store, on a running installation."""

import json

from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import wait_until

FIRST_OF_202 = 12023000000
HELD = "INSERT INTO numbers (number, batch_id, prefix_id) VALUES (%s, 0, 1)"


def test_a_dead_batch_fails_its_task_with_the_reason_and_the_exact_count(small_installation: Installation) -> None:
    """PostgreSQL holds a number that the ledger does not know; the request needs every number that exists."""
    ours = small_installation
    body = ours.request("dee", quantity=4_000, area_codes=["201", "202"], batch_size=1_000)
    task = task_id("dee", body["request_id"])
    with ours.worker() as worker:
        ours.execute(HELD, FIRST_OF_202)
        ending = ours.ending(body)
        row = "SELECT status, succeeded FROM tasks WHERE task_id = %s"
        wait_until(lambda: ours.rows(row, task) == [("failed", 3_000)], 30, "row of the task")
        assert worker.metric("numberline_ledger_conflicts_total") >= 1  # as handed over, and as read again
    assert (ending["type"], ending["error"]["code"]) == ("task_failed", "ledger_conflict")
    assert str(FIRST_OF_202) in ending["error"]["message"]
    (failed,) = ours.rows(
        "SELECT batch_no FROM generate_series(0, 3) AS batch_no EXCEPT SELECT batch_no FROM batches"
    )
    assert ending["error"]["details"] == {
        "requested": 4_000,
        "delivered": 3_000,
        "missing": 1_000,
        "batch": failed[0],
    }
    assert ours.rows("SELECT count(*) FROM phone_numbers WHERE task_id = %s", task) == [(3_000,)]
    letters = ours.run("deadletters", "list", "--json", "--task", task).stdout.splitlines()
    assert [(letter["stage"], letter["reason"]) for letter in map(json.loads, letters)] == [
        ("store", "ledger_conflict")
    ]
