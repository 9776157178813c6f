"""External validation on real servers, against a provider of the tests: verdicts stand, answers are facts."""

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.identity import task_id
from tests.fix_installation import Installation, make_small_installation
from tests.lookup_server import SID, TOKEN, LookupServer
from tests.processes import Process, wait_until

VALID = [f"+1201200{line:04}" for line in range(30)]
REST_SECONDS = 2.0  # a batch that need not wait for another's calls is through in a fraction of it
RUN = """
SELECT number, validation_reason, validation_source, external_line_type, external_carrier, external_error
FROM validations WHERE task_id = %s ORDER BY position
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LookupServer]:
    """The provider."""
    with LookupServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def there(
    kafka_server: Any, postgres_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An installation with a few blocks."""
    with make_small_installation(kafka_server, postgres_server, tmp_path_factory.mktemp("lookups")) as made:
        yield made


def asking(server: LookupServer, **settings: str) -> dict[str, str]:
    """The environment of a worker that asks the provider of the tests."""
    environment = {
        "NUMBERLINE_LOOKUP_PROVIDER": "twilio",
        "NUMBERLINE_LOOKUP_RATE": "1000",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_LOOKUPS_URL": server.url,
    }
    return environment | settings


@pytest.fixture(scope="module")
def worker(there: Installation, server: LookupServer) -> Iterator[Process]:
    """One that asks the provider of the tests."""
    with there.worker("lookups", **asking(server, NUMBERLINE_LOOKUP_BUDGET="12")) as process:
        yield process


def external(user: str, **fields: Any) -> dict[str, Any]:
    """The body of an external validation."""
    return {"type": "validate", "request_id": uuid.uuid4().hex, "user_id": user, "source": "external", **fields}


def ending(there: Installation, body: dict[str, Any]) -> dict[str, Any]:
    """What such a task found."""
    message = there.ending(body)
    assert message["type"] == "task_completed", message
    found: dict[str, Any] = message["result_data"]
    return found


@pytest.mark.usefixtures("worker")
def test_an_answer_adds_to_the_verdict_and_a_failure_leaves_it(there: Installation, server: LookupServer) -> None:
    """Documented answers, invalid, 5xx and wrong ones; what is not valid by the data is asked of nobody."""
    server.behaviours |= {VALID[1]: ["invalid"], VALID[2]: ["500"], VALID[3]: ["wrong"]}
    numbers = [*VALID[:4], "+12015550123", "+12013000000", "no number"]
    body = external("ann", numbers=numbers)
    found = ending(there, body)
    assert found["lookups"] == {"answered": 2, "failed": 2}
    assert found["reasons"] == {
        "fictional": 1,
        "not_a_number": 1,
        "unassigned_block": 1,
        "unassigned_exchange": 1,
        "valid": 3,
    }
    assert there.rows(RUN, task_id("ann", body["request_id"])) == [
        (VALID[0], "valid", "external", "mobile", "T-Mobile USA, Inc.", None),
        (VALID[1], "unassigned_block", "external", None, None, None),
        (VALID[2], "valid", "internal", None, None, "http_500"),
        (VALID[3], "valid", "internal", None, None, "wrong_answer"),
        ("+12015550123", "fictional", "internal", None, None, None),
        ("+12013000000", "unassigned_exchange", "internal", None, None, None),
        (None, "not_a_number", "internal", None, None, None),
    ]
    assert not {"+12015550123", "+12013000000"} & set(server.calls)


@pytest.mark.usefixtures("worker")
def test_an_answer_is_good_for_later_tasks_and_a_failure_is_asked_again(
    there: Installation, server: LookupServer
) -> None:
    """The cache is every worker's, in PostgreSQL."""
    numbers = VALID[4:7]
    server.behaviours[numbers[2]] = ["404", "answers"]
    assert ending(there, external("bea", numbers=numbers))["lookups"] == {"answered": 2, "failed": 1}
    body = external("cyd", numbers=numbers)
    assert ending(there, body)["lookups"] == {"answered": 1, "cached": 2}
    assert [server.calls[number] for number in numbers] == [1, 1, 2]
    assert {row[2:4] for row in there.rows(RUN, task_id("cyd", body["request_id"]))} == {("external", "mobile")}


@pytest.mark.usefixtures("worker")
def test_a_replay_says_the_same_and_pays_nothing(there: Installation, server: LookupServer) -> None:
    """Even where the worker ended between the answers and the verdicts: the facts stand."""
    numbers = VALID[8:11]
    body = external("dot", numbers=numbers)
    ending(there, body)
    task = task_id("dot", body["request_id"])
    before, calls = there.rows(RUN, task), server.calls.copy()
    server.behaviours |= {number: ["invalid"] for number in numbers}
    there.execute(
        "DELETE FROM validation_numbers USING validation_batches b WHERE b.task_id = %s AND "
        "validation_numbers.run_batch = b.run_batch",
        task,
    )
    there.execute("DELETE FROM validation_batches WHERE task_id = %s", task)
    (record,) = [r for r in there.records("lookups") if dict(r.headers())["task"].decode() == task]
    there.produce_to("lookups", record)
    wait_until(lambda: there.rows(RUN, task) == before, 30, "the same verdicts")
    assert server.calls == calls


@pytest.mark.usefixtures("worker")
def test_a_task_asks_about_no_more_numbers_than_its_budget(there: Installation, server: LookupServer) -> None:
    """Its first 12; of the others the internal verdict, and why."""
    numbers = VALID[12:28]
    body = external("eve", numbers=numbers)
    assert ending(there, body)["lookups"] == {"answered": 12, "over_budget": 4}
    rows = there.rows(RUN, task_id("eve", body["request_id"]))
    assert [row[5] for row in rows] == [None] * 12 + ["over_budget"] * 4
    assert [server.calls[number] for number in numbers] == [1] * 12 + [0] * 4


@pytest.mark.usefixtures("worker")
def test_numbers_of_a_task_show_what_the_provider_says(there: Installation) -> None:
    """In phone_numbers, number by number."""
    generate = there.request("fay", quantity=11, area_code="202")
    assert there.ending(generate)["type"] == "task_completed"
    task = task_id("fay", generate["request_id"])
    found = ending(there, external("fay", task_id=task))
    assert (found["validated_count"], found["lookups"]) == (11, {"answered": 11})
    shown = there.rows(
        "SELECT DISTINCT is_valid, validation_source, external_line_type, external_carrier FROM phone_numbers "
        "WHERE task_id = %s",
        task,
    )
    assert shown == [(True, "external", "mobile", "T-Mobile USA, Inc.")]


def test_lookups_are_counted_and_no_credential_is_in_the_log(worker: Process) -> None:
    """After the tests above."""
    assert worker.metric('numberline_lookups_total{outcome="answered"}') > 20
    assert worker.metric('numberline_lookups_total{outcome="failed"}') == 3
    assert TOKEN not in worker.log.read_text()


def test_a_worker_without_credentials_refuses_to_start(there: Installation) -> None:
    """Status 2, and the variables that are missing."""
    with there.process("worker", "poor", NUMBERLINE_LOOKUP_PROVIDER="twilio", TWILIO_AUTH_TOKEN="") as process:
        assert process.wait() == 2
    assert "TWILIO_ACCOUNT_SID must be set for lookups by twilio" in process.log.read_text()


def at_rest(look: Callable[[], Any], found: Any) -> None:
    """Wait until this is what is found, and has been at every look within REST_SECONDS."""
    since = time.monotonic()

    def resting() -> bool:
        nonlocal since
        if look() != found:
            since = time.monotonic()
        return time.monotonic() - since > REST_SECONDS

    wait_until(resting, 30, f"{found} for {REST_SECONDS} s")


@pytest.fixture
def calm(kafka_server: Any, postgres_server: Any, tmp_path: Path) -> Iterator[Installation]:
    """An installation for tests that kill its workers or add to them."""
    with make_small_installation(kafka_server, postgres_server, tmp_path) as made:
        yield made


def test_a_call_that_a_worker_took_with_it_is_not_paid_for_twice(calm: Installation, server: LookupServer) -> None:
    """Killed while two calls are under way: they have no answer, and say so; the others are asked once each."""
    numbers = [f"+1201201{line:04}" for line in range(25)]
    server.behaviours |= {number: ["slow"] for number in numbers[3:5]}
    body = external("gil", numbers=numbers)
    task = task_id("gil", body["request_id"])
    environment = asking(server, NUMBERLINE_LOOKUP_TIMEOUT_SECONDS="10")
    answered = "SELECT count(*) FROM lookups WHERE task_id = %s AND batch_no = 0"
    under_way = (
        "SELECT (SELECT count(*) FROM lookup_calls WHERE task_id = %s)"
        " - (SELECT count(*) FROM lookups WHERE task_id = %s)"
    )
    with calm.worker("doomed", **environment) as doomed:
        calm.produce(json.dumps(body).encode())
        wait_until(lambda: calm.rows(answered, task) == [(8,)], 30, "all answers of the first batch but two")
        wait_until(
            lambda: [server.calls[one] for one in numbers[3:5]] == [1, 1], 30, "both slow calls at the provider"
        )
        # batches of other partitions go on meanwhile: nothing but the two slow calls is to be under way
        at_rest(lambda: calm.rows(under_way, task, task), [(2,)])
        doomed.stop(signal.SIGKILL)
    with calm.worker("doomed", **environment):
        ended = "SELECT result_data FROM tasks WHERE task_id = %s AND status = 'completed'"
        wait_until(lambda: calm.rows(ended, task), 60, "completed task")
    ((found,),) = calm.rows(ended, task)
    assert (found["validated_count"], found["lookups"]) == (25, {"answered": 23, "failed": 2})
    assert {number: server.calls[number] for number in numbers} == dict.fromkeys(numbers, 1)
    rows = calm.rows(RUN, task)
    assert [row[0] for row in rows] == numbers
    assert [row[5] for row in rows] == [None] * 3 + ["interrupted"] * 2 + [None] * 20


def test_slow_calls_cost_a_worker_neither_its_session_nor_its_place(
    calm: Installation, server: LookupServer
) -> None:
    """Calls longer than a session, and batches longer than a rebalance may take; a worker comes in between."""
    numbers = [f"+1201201{line:04}" for line in range(100, 124)]
    server.behaviours |= {number: ["late"] for number in numbers}
    server.late_seconds = 4.0
    environment = asking(server, NUMBERLINE_LOOKUP_RATE="2", NUMBERLINE_SESSION_TIMEOUT_SECONDS="3")
    body = external("hal", numbers=numbers)
    task = task_id("hal", body["request_id"])
    with calm.worker("slow-1", **environment) as first:
        calm.produce(json.dumps(body).encode())
        wait_until(lambda: server.calls[numbers[0]], 30, "first call")
        with calm.worker("slow-2", **environment) as second:
            ended = "SELECT result_data->'lookups' FROM tasks WHERE task_id = %s AND status = 'completed'"
            wait_until(lambda: calm.rows(ended, task), 120, "completed task")
            assert first.alive()
            assert second.alive()
    assert calm.rows(ended, task) == [({"answered": 24},)]
    assert {number: server.calls[number] for number in numbers} == dict.fromkeys(numbers, 1)
    logs = first.log.read_text() + second.log.read_text()
    assert "UnknownMemberId" not in logs
    assert "fenced" not in logs.lower()
