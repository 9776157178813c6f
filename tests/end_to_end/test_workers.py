"""Several workers, and workers that die: nothing lost, nothing twice."""

import json
import signal

import pytest

from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import Process, wait_until

COUNT = "SELECT count(*), count(DISTINCT number) FROM phone_numbers WHERE task_id = %s"
AREA_CODES = ["212", "213", "214"]
QUANTITY, BATCH = 200_000, 5_000


def rows_of(installation: Installation, task: str) -> tuple[int, int]:
    """How many rows a task has, and how many distinct numbers."""
    (found,) = installation.rows(COUNT, task)
    return found[0], found[1]


def assert_exact(installation: Installation, task: str, quantity: int, *workers: Process) -> None:
    """Exactly the quantity in distinct rows, each batch once, as many in the ledger, no conflict."""
    assert rows_of(installation, task) == (quantity, quantity)
    assert installation.rows(
        "SELECT count(*), sum(count), max(batch_no) + 1 FROM batches WHERE task_id = %s", task
    ) == [(quantity // BATCH, quantity, quantity // BATCH)]
    for worker in workers:
        assert worker.metric("numberline_ledger_conflicts_total") == 0


def test_two_workers_share_the_work_and_are_exact(installation: Installation) -> None:
    """200,000 numbers over many area codes; both workers store some of them."""
    with installation.worker("pair-1") as first, installation.worker("pair-2") as second:
        wait_until(lambda: first.metric("numberline_worker_ready") == 1.0, 30, "first worker after the rebalance")
        body = installation.request("two", quantity=QUANTITY)
        ending = installation.ending(body)
        assert ending["result_data"]["total_generated"] == QUANTITY
        assert rows_of(installation, task_id("two", body["request_id"])) == (QUANTITY, QUANTITY)
        for worker in (first, second):
            assert worker.metric('numberline_records_total{step="allocate"}') > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_a_worker_that_dies_in_the_middle_loses_and_repeats_nothing(
    installation: Installation, number: signal.Signals
) -> None:
    """200,000 numbers over three area codes; the one worker goes in the middle, and another takes up its work."""
    user = f"dies-{number.name}"
    body = installation.request(user, quantity=QUANTITY, batch_size=BATCH, area_codes=AREA_CODES)
    task = task_id(user, body["request_id"])
    with installation.worker(f"doomed-{number.name}") as doomed:
        installation.produce(json.dumps(body).encode())
        wait_until(lambda: rows_of(installation, task)[0] >= BATCH, 60, "first rows")
        doomed.stop(number)
    assert rows_of(installation, task)[0] < QUANTITY
    with installation.worker(f"doomed-{number.name}") as successor:
        wait_until(lambda: _status(installation, task) == "completed", 120, "completed task")
        assert_exact(installation, task, QUANTITY, successor)


def test_a_worker_on_another_machine_takes_over_without_the_local_state(installation: Installation) -> None:
    """The successor has an empty state directory: it recovers the ledger from the changelog, and is exact."""
    body = installation.request("moves", quantity=QUANTITY, batch_size=BATCH, area_codes=AREA_CODES)
    task = task_id("moves", body["request_id"])
    with installation.worker("first-machine") as doomed:
        installation.produce(json.dumps(body).encode())
        wait_until(lambda: rows_of(installation, task)[0] >= BATCH, 60, "first rows")
        doomed.stop(signal.SIGKILL)
    with installation.worker("second-machine") as successor:
        wait_until(lambda: _status(installation, task) == "completed", 120, "completed task")
        assert_exact(installation, task, QUANTITY, successor)


def test_of_two_workers_one_is_killed_and_the_other_finishes(installation: Installation) -> None:
    """The survivor takes over the partitions of the dead once its session has expired."""
    body = installation.request("survives", quantity=QUANTITY, batch_size=BATCH)
    task = task_id("survives", body["request_id"])
    with installation.worker("survivor") as survivor, installation.worker("victim") as victim:
        installation.produce(json.dumps(body).encode())
        wait_until(lambda: rows_of(installation, task)[0] >= BATCH, 60, "first rows")
        victim.stop(signal.SIGKILL)
        wait_until(lambda: _status(installation, task) == "completed", 120, "completed task")
        assert rows_of(installation, task) == (QUANTITY, QUANTITY)
        assert survivor.metric("numberline_ledger_conflicts_total") == 0


def _status(installation: Installation, task: str) -> str | None:
    rows = installation.rows("SELECT status FROM tasks WHERE task_id = %s", task)
    return rows[0][0] if rows else None
