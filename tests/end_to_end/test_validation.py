"""Requests of type validate on real servers: a verdict on each number, exact counts, and the newest one shown."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from schemas import codec, events
from schemas.identity import task_id
from tests.end_to_end.validations import HELD, RUN, generated, result, validation
from tests.fix_installation import Installation
from tests.processes import Process, wait_until


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("validation") as process:
        yield process


GIVEN = {
    "+1 415 555 0123": ("+14155550123", "fictional"),
    "(415) 200-0000": ("+14152000000", "unassigned_block"),
    "1-415-555-0123": ("+14155550123", "fictional"),
    "415.555.0199 ext. 7": ("+14155550199", "fictional"),
    "415-411-0123": ("+14154110123", "special_exchange"),
    "call me maybe": (None, "not_a_number"),
    "+44 20 7123 4567": (None, "not_nanp"),
    "555-0123": (None, "not_a_number"),
    "4" * 200: (None, "not_a_number"),
    "415\x00555": (None, "not_a_number"),
    "": (None, "not_a_number"),
    "1-800-FLOWERS": ("+18003569377", "special_area_code"),
    "+1 299 555 0123": ("+12995550123", "special_area_code"),
    "+1 222 555 0123": ("+12225550123", "unassigned_area_code"),
}


@pytest.mark.usefixtures("worker")
def test_a_list_gets_a_verdict_each_in_the_order_given(installation: Installation) -> None:
    """All notations, letters, other countries, 7 digits, 200 characters, NUL: each its answer."""
    body = validation("vera", numbers=list(GIVEN))
    found = result(installation, body)
    reasons = [reason for _, reason in GIVEN.values()]
    assert found["reasons"] == {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    assert (found["validated_count"], found["valid_count"]) == (len(GIVEN), 0)
    assert (found["invalid_count"], found["error_count"]) == (len(GIVEN), 0)
    rows = installation.rows(RUN, task_id("vera", body["request_id"]))
    assert [(number, reason) for _, _, number, _, reason in rows] == list(GIVEN.values())
    assert [given for _, given, *_ in rows] == [text.replace("\0", "\ufffd") for text in GIVEN]
    assert [place for place, *_ in rows] == list(range(len(GIVEN)))
    assert [duplicate for _, _, _, duplicate, _ in rows] == [None, None, 0] + [None] * (len(GIVEN) - 3)
    exported = installation.run("export", task_id("vera", body["request_id"]), "--out", "-")
    assert exported.returncode == 0, exported.stderr
    lines = list(csv.DictReader(io.StringIO(exported.stdout, newline="")))
    assert [(line["number"] or None, line["validation_reason"]) for line in lines] == list(GIVEN.values())
    assert [line["duplicate_of"] for line in lines] == ["", "", "0"] + [""] * (len(GIVEN) - 3)


@pytest.mark.usefixtures("worker")
def test_ten_thousand_numbers_in_batches_keep_their_order(installation: Installation) -> None:
    """Progress by absolute counts, batches over all partitions, one row a number and none twice."""
    numbers = [f"+1415{200 + i // 10_000:03}{i % 10_000:04}" for i in range(0, 80_000, 8)]
    body = validation("walt", numbers=numbers, batch_size=700)
    messages = installation.messages(body)
    assert [messages[0]["type"], messages[-1]["type"]] == ["task_started", "task_completed"]
    assert messages[0]["task"]["type"] == "validate"
    counts = [message["processed_items"] for message in messages[1:-1]]
    assert counts == sorted(counts)
    assert messages[-1]["result_data"]["validated_count"] == 10_000
    rows = installation.rows(RUN, task_id("walt", body["request_id"]))
    assert [given for _, given, *_ in rows] == numbers
    expected = messages[-1]["result_data"]["reasons"]
    assert {reason: [r for *_, r in rows].count(reason) for reason in expected} == expected
    produced_again = installation.ending(body | {"batch_size": 800})
    assert (produced_again["type"], produced_again["code"]) == ("error", "request_id_reused")
    assert len(installation.rows(RUN, task_id("walt", body["request_id"]))) == 10_000


@pytest.mark.usefixtures("worker")
def test_a_task_that_is_held_is_judged_by_marking_its_batches(installation: Installation) -> None:
    """No verdict before; then each number shows one, and no row a number was written for it."""
    task = generated(installation, "xena", quantity=3_000, area_codes=["415", "907"], batch_size=500)
    assert {row[:3] for row in installation.rows(HELD, task)} == {(None, None, None)}
    found = result(installation, validation("xena", task_id=task))
    assert (found["validated_count"], found["reasons"]) == (3_000, {"valid": 3_000})
    assert {row[:4] for row in installation.rows(HELD, task)} == {(True, "valid", "internal", 1)}
    assert installation.rows("SELECT reason, count FROM verdict_counts WHERE task_id = %s", task) == [
        ("valid", 3_000)
    ]
    done = installation.run("validate", "--task", task)
    assert done.returncode == 0, done.stderr
    assert "3,000" in done.stderr
    exceptions = "SELECT count(*) FROM verdicts JOIN batches USING (batch_id) WHERE task_id = %s"
    assert installation.rows(exceptions, task) == [(0,)]
    assert installation.rows(
        "SELECT bool_and(validated_at > created_at) FROM phone_numbers WHERE task_id = %s", task
    )


@pytest.mark.usefixtures("worker")
def test_a_project_is_all_its_tasks_of_this_user(installation: Installation) -> None:
    """Two tasks of the project, one fictional; another user's of the same name is not among them."""
    generated(installation, "yara", quantity=300, area_code="701", project_id="P 1")
    generated(installation, "yara", quantity=50, area_code="701", project_id="P 1", fictional=True)
    generated(installation, "yara", quantity=20, area_code="701", project_id="P 2")
    generated(installation, "zoe", quantity=10, area_code="701", project_id="P 1")
    found = result(installation, validation("yara", project_id="P 1"))
    assert found["reasons"] == {"fictional": 50, "valid": 300}
    judged = (
        "SELECT user_id, project_id, count(*) FROM phone_numbers WHERE is_valid IS NOT NULL AND area_code = '701' "
    )
    rows = installation.rows(judged + "AND user_id IN ('yara', 'zoe') GROUP BY 1, 2")
    assert rows == [("yara", "P 1", 350)]


@pytest.mark.usefixtures("worker")
def test_ids_are_numbers_that_the_user_holds(installation: Installation) -> None:
    """Their newest verdict shows; the id of another user's number, or of nobody's, is counted as an error."""
    task = generated(installation, "abe", quantity=100, area_code="208")
    others = generated(installation, "bob", quantity=1, area_code="208")
    select = "SELECT number_value FROM phone_numbers WHERE task_id = %s ORDER BY 1"
    mine = [value for (value,) in installation.rows(select, task)]
    ((foreign,),) = installation.rows(select, others)
    body = validation("abe", ids=[mine[0], foreign, mine[1], 12082000000 - 10**9])
    found = result(installation, body)
    assert (found["validated_count"], found["valid_count"], found["error_count"]) == (2, 2, 2)
    reasons = [reason for *_, reason in installation.rows(RUN, task_id("abe", body["request_id"]))]
    assert reasons == ["valid", "unknown_id", "valid", "unknown_id"]
    shown = installation.rows("SELECT is_valid, count(*) FROM phone_numbers WHERE task_id = %s GROUP BY 1", task)
    assert sorted(shown, key=str) == [(None, 98), (True, 2)]
    assert installation.rows("SELECT is_valid FROM phone_numbers WHERE task_id = %s", others) == [(None,)]
    counts = installation.rows("SELECT reason, count FROM verdict_counts WHERE task_id = %s", task)
    assert sorted(counts, key=str) == [("valid", 2), (None, 98)]


@pytest.mark.usefixtures("worker")
def test_a_validation_can_be_cancelled(installation: Installation) -> None:
    """What was judged stays judged and is counted exactly."""
    task = generated(installation, "fran", quantity=60_000, batch_size=100)
    body = validation("fran", task_id=task, batch_size=100)
    installation.produce(json.dumps(body).encode())
    validated = task_id("fran", body["request_id"])
    ending = installation.ending({"type": "cancel", "user_id": "fran", "task_id": validated, "request_id": "c"})
    assert ending["type"] == "task_cancelled"
    count = ending["result_data"]["validated_count"]
    assert count < 60_000
    judged = "SELECT count(*) FROM phone_numbers WHERE task_id = %s AND is_valid IS NOT NULL"
    assert installation.rows(judged, task) == [(count,)]


@pytest.mark.usefixtures("worker")
def test_a_batch_that_comes_again_is_judged_once(installation: Installation) -> None:
    """The record of a batch produced a second time: no second row, and the task's counts stay."""
    body = validation("gwen", numbers=["+14155550123", "+14155550124"])
    assert result(installation, body)["validated_count"] == 2
    task = task_id("gwen", body["request_id"])
    (record,) = [r for r in installation.records("validations") if dict(r.headers())["task"].decode() == task]
    before, counted = len(installation.records("task-events")), repeated(installation)
    installation.produce_to("validations", record)
    wait_until(lambda: len(installation.records("task-events")) > before, 20, "report of the batch")
    reports = [codec.decode(r.value()) for r in installation.records("task-events")]
    mine = [r for r in reports if isinstance(r, events.BatchJudged) and r.task_id == task]
    assert len(mine) == 2
    assert mine[0] == mine[1]
    assert len(installation.rows(RUN, task)) == 2
    assert repeated(installation) == counted + 1


def repeated(installation: Installation) -> float:
    """Batches that came again, by whichever worker."""
    sample = 'numberline_batches_total{outcome="repeated"}'
    return sum(process.metric(sample) for process in installation.running.values())


def test_nothing_of_all_this_went_to_the_dead_letters_but_refusals(
    installation: Installation, worker: Process
) -> None:
    """After the tests above: every batch was judged."""
    assert worker.alive()
    headers = [dict(record.headers() or ()) for record in installation.records("deadletters")]
    stages = {one["__streams.errors.stage"] for one in headers if "__streams.errors.settled" not in one}
    assert stages <= {b"intake", b"coordinate"}
