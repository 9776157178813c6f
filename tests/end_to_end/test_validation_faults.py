"""Validations under load and under faults: fair beside a million, exact when a worker is killed in the middle."""

import json
import signal
from functools import partial
from typing import Any

from schemas import codec, events
from schemas.identity import task_id
from tests.end_to_end.validations import generated, validation
from tests.fix_installation import Installation
from tests.processes import wait_until

MILLION = 1_000_000
ENDED = "SELECT status, succeeded, completed_at, result_data FROM tasks WHERE task_id = %s AND status <> 'running'"
BATCHES = "SELECT count(*) FROM validation_batches WHERE task_id = %s"


def ended(installation: Installation, task: str, seconds: float = 120) -> tuple[Any, ...]:
    """Status, succeeded, completed_at and result of a task, once it has ended."""
    wait_until(lambda: installation.rows(ENDED, task), seconds, f"end of task {task}")
    (found,) = installation.rows(ENDED, task)
    return found


def started(installation: Installation, body: dict[str, Any]) -> str:
    """Produce a request; the id of its task."""
    installation.produce(json.dumps(body).encode())
    return task_id(body["user_id"], body["request_id"])


def judging(installation: Installation, task: str) -> bool:
    """Whether some batches of a validation are judged."""
    return installation.rows(BATCHES, task) > [(3,)]


def test_a_small_validation_does_not_wait_for_a_million(installation: Installation) -> None:
    """Lists of two users, asked for while a million held numbers are judged in small batches, end before it."""
    with installation.worker("fair-validation"):
        held = generated(installation, "mia", quantity=MILLION, batch_size=1_000)
        large = started(installation, validation("mia", task_id=held, batch_size=1_000))
        wait_until(partial(judging, installation, large), 60, "first batches of the million")
        small = [
            started(installation, validation(user, numbers=[f"+141555501{n:02}" for n in range(100)]))
            for user in ("mia", "ned")
        ]
        found = [ended(installation, task) for task in small]
        assert [one[:2] for one in found] == [("completed", 100)] * 2
        whole = ended(installation, large)
        assert whole[:2] == ("completed", MILLION)
        assert whole[3]["reasons"] == {"valid": MILLION}
        assert max(one[2] for one in found) < whole[2]
    marked = "SELECT sum(count) FROM batches WHERE task_id = %s AND verdict = 'valid'"
    assert installation.rows(marked, held) == [(MILLION,)]


def test_a_worker_that_dies_in_a_validation_loses_and_repeats_nothing(installation: Installation) -> None:
    """A list and a held task, in batches of 100; the one worker is killed in the middle of both."""
    numbers = [f"+1415{200 + n // 10_000:03}{n % 10_000:04}" for n in range(0, 80_000, 8)]
    with installation.worker("doomed-validation") as doomed:
        held = generated(installation, "oda", quantity=200_000, area_codes=["218", "320", "507"], batch_size=200)
        of_list = started(installation, validation("oda", numbers=numbers, batch_size=100))
        of_held = started(installation, validation("oda", task_id=held, batch_size=200))
        for task in (of_list, of_held):
            wait_until(partial(judging, installation, task), 60, "first batches")
        doomed.stop(signal.SIGKILL)
    assert installation.rows(BATCHES, of_held) < [(1_000,)]
    with installation.worker("doomed-validation"):
        list_end, held_end = ended(installation, of_list), ended(installation, of_held)
    assert list_end[:2] == ("completed", 10_000)
    assert held_end[:2] == ("completed", 200_000)
    assert held_end[3]["reasons"] == {"valid": 200_000}
    rows = installation.rows(
        "SELECT position, given, validation_reason FROM validations WHERE task_id = %s ORDER BY 1", of_list
    )
    assert [row[:2] for row in rows] == list(enumerate(numbers))
    reasons = [reason for *_, reason in rows]
    assert {reason: reasons.count(reason) for reason in set(reasons)} == list_end[3]["reasons"]
    assert installation.rows("SELECT reason, count FROM verdict_counts WHERE task_id = %s", held) == [
        ("valid", 200_000)
    ]
    _told_the_same(installation, of_list)


def _told_the_same(installation: Installation, task: str) -> None:
    """Whatever was sent twice of a task's batches has one content."""
    for topic, kind in (("validations", events.ValidationPlanned), ("task-events", events.BatchJudged)):
        found: dict[int, object] = {}
        for record in installation.records(topic):
            event = codec.decode(record.value())
            if isinstance(event, kind) and event.task_id == task:
                assert found.setdefault(event.batch, event) == event
        assert sorted(found) == list(range(100))
