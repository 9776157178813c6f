"""A hundred tasks at once: a small one does not wait for the end of a large one, and memory stays bounded."""

import json
from collections.abc import Iterator

import pytest

from bench import procfs
from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import Process, wait_until

LARGE, SMALL, SMALL_TASKS = 1_000_000, 100, 99
AREA_CODES = ("201", "212", "305", "312", "404", "415", "512", "602", "617", "702")
MOST_MEGABYTES = 600  # of a worker, and of the gateway, at its peak

ENDED = """
SELECT task_id::text, status, succeeded, completed_at FROM tasks WHERE task_id = ANY(%s) AND status <> 'running'
"""


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for this module."""
    with installation.worker("fair") as process:
        yield process


def test_ninety_nine_small_tasks_end_before_a_million_that_was_first(
    installation: Installation, worker: Process
) -> None:
    """Each waits behind a few batches of the large one, and not behind all of it."""
    large = installation.request("fair-large", quantity=LARGE)
    small = [
        installation.request(f"fair-{number % 7}", quantity=SMALL, area_code=AREA_CODES[number % len(AREA_CODES)])
        for number in range(SMALL_TASKS)
    ]
    for body in (large, *small):
        installation.produce(json.dumps(body).encode())
    tasks = [task_id(body["user_id"], body["request_id"]) for body in (large, *small)]
    wait_until(lambda: len(installation.rows(ENDED, tasks)) == len(tasks), 240, "end of all hundred tasks")
    ended = {task: (status, succeeded, at) for task, status, succeeded, at in installation.rows(ENDED, tasks)}
    first, *others = (ended[task] for task in tasks)
    assert first[:2] == ("completed", LARGE)
    assert {other[:2] for other in others} == {("completed", SMALL)}
    assert max(other[2] for other in others) < first[2]
    if procfs.available():
        for process in (worker, installation.running["gateway"]):
            assert procfs.memory(process.pid).peak < MOST_MEGABYTES
