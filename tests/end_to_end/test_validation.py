"""Requests of type validate on real servers: a verdict on each number, exact counts, and the newest one shown."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.prefix_build import PrefixRow
from schemas import codec, events
from schemas.identity import task_id
from tests.fix_installation import SMALL_ROWS, Installation, load_rows
from tests.processes import Process, wait_until

RUN = (
    "SELECT position, given, number, duplicate_of, validation_reason FROM validations WHERE task_id = %s ORDER BY 1"
)
HELD = """
SELECT is_valid, validation_reason, validation_source, prefix_data_version, carrier, count(*)
FROM phone_numbers WHERE task_id = %s GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC
"""


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("validation") as process:
        yield process


def validation(user: str, **fields: Any) -> dict[str, Any]:
    """The body of a validation, with a request_id of its own."""
    return {"type": "validate", "request_id": uuid.uuid4().hex, "user_id": user, **fields}


def generated(installation: Installation, user: str, **fields: Any) -> str:
    """The id of a generation that has completed."""
    body = installation.request(user, **fields)
    assert installation.ending(body)["type"] == "task_completed"
    return task_id(user, body["request_id"])


def result(installation: Installation, body: dict[str, Any]) -> dict[str, Any]:
    """What a validation found."""
    ending = installation.ending(body)
    assert ending["type"] == "task_completed", ending
    found: dict[str, Any] = ending["result_data"]
    return found


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


REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"numbers": ["+14155550123"] * 10_001},
        {"numbers": "must be a list of 1 to 10000 numbers as text, each of at most 250 characters; got ["},
    ),
    ({"numbers": []}, {"numbers": "must be a list of 1 to 10000 numbers as text"}),
    ({"numbers": [4155550123]}, {"numbers": "must be a list of 1 to 10000 numbers as text"}),
    ({"numbers": ["4" * 251]}, {"numbers": "must be a list of 1 to 10000 numbers as text"}),
    ({"ids": []}, {"ids": "must be a list of 1 to 10000 ids"}),
    ({"ids": ["x"]}, {"ids": "must be a list of 1 to 10000 ids"}),
    ({}, {"numbers": "give one of numbers, ids, task_id and project_id"}),
    (
        {"numbers": ["1"], "project_id": "p"},
        {"numbers": "give one of numbers, ids, task_id and project_id, not numbers and project_id"},
    ),
    ({"task_id": "no"}, {"task_id": "must be the task's id, a lower-case UUID"}),
    ({"task_id": str(uuid.UUID(int=5))}, {"task_id": "you hold no numbers of this task"}),
    ({"project_id": "nothing"}, {"project_id": "you hold no numbers of this project"}),
    ({"numbers": ["1"], "source": "oracle"}, {"source": 'must be "internal" or "external"'}),
    ({"numbers": ["1"], "source": "external"}, {"source": 'must be "internal": this installation has no lookup'}),
    ({"numbers": ["1"], "batch_size": 99}, {"batch_size": "must be a whole number from 100 to 10000; got 99"}),
]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("fields", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_a_broken_validation_names_every_broken_field(
    installation: Installation, fields: dict[str, Any], expected: dict[str, str]
) -> None:
    """task_failed with each field and its rule, and the original bytes on the dead letters."""
    body = validation("carl", **fields)
    ending = installation.ending(body, 30)
    assert ending["type"] == "task_failed"
    errors = {error["field"]: error["message"] for error in ending["error"]["details"]["errors"]}
    assert set(errors) == set(expected)
    for field, message in expected.items():
        assert errors[field].startswith(message)
    letters = [
        record for record in installation.records("deadletters") if record.value() == json.dumps(body).encode()
    ]
    assert len(letters) == 1


@pytest.mark.usefixtures("worker")
def test_a_task_of_another_user_is_none(installation: Installation) -> None:
    """Its numbers keep what they have."""
    task = generated(installation, "dora", quantity=10, area_code="208")
    ending = installation.ending(validation("mallory", task_id=task))
    assert ending["error"]["code"] == "nothing_held"
    assert installation.rows("SELECT count(*) FROM phone_numbers WHERE task_id = %s AND is_valid", task) == [(0,)]


@pytest.mark.usefixtures("worker")
def test_a_task_still_running_is_refused_until_it_has_ended(installation: Installation) -> None:
    """Said at once; after the end the same numbers are judged, all of them."""
    body = installation.request("eli", quantity=400_000, batch_size=200)
    task = task_id("eli", body["request_id"])
    installation.produce(json.dumps(body).encode())
    wait_until(lambda: installation.rows("SELECT FROM batches WHERE task_id = %s LIMIT 1", task), 30, "first batch")
    early = validation("eli", task_id=task)
    refused = installation.ending(early)
    assert refused["type"] == "task_failed"
    assert refused["error"]["code"] == "task_running"
    assert "is still running" in refused["error_message"]
    (letter,) = [one for one in installation.records("deadletters") if one.value() == json.dumps(early).encode()]
    about = {name.rpartition(".")[2]: text.decode() for name, text in letter.headers()}
    assert (about["stage"], about["reason"]) == ("coordinate", "task_running")
    assert about["topic"] == f"{installation.settings.namespace}.requests"
    audited = "SELECT outcome, details->>'code' FROM audit WHERE subject = %s"
    subject = task_id("eli", early["request_id"])
    wait_until(lambda: installation.rows(audited, subject) == [("refused", "task_running")], 20, "audit record")
    cancel = {"type": "cancel", "user_id": "eli", "task_id": task, "request_id": "c"}
    delivered = installation.ending(cancel)["result_data"]["total_generated"]
    assert result(installation, validation("eli", task_id=task))["validated_count"] == delivered


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
    before = len(installation.records("task-events"))
    installation.produce_to("validations", record)
    wait_until(lambda: len(installation.records("task-events")) > before, 20, "report of the batch")
    reports = [codec.decode(r.value()) for r in installation.records("task-events")]
    mine = [r for r in reports if isinstance(r, events.BatchJudged) and r.task_id == task]
    assert len(mine) == 2
    assert mine[0] == mine[1]
    assert len(installation.rows(RUN, task)) == 2


def test_other_prefix_data_changes_verdicts_and_holders(small_installation: Installation) -> None:
    """Judged by the next version: what it took away is invalid, what changed hands has its new holder."""
    there = small_installation
    settings = there.settings
    with there.worker("versions"):
        task = generated(there, "hugo", quantity=2_000, area_code="201")
        assert result(there, validation("hugo", task_id=task))["reasons"] == {"valid": 2_000}
        ((kept, moved, gone),) = there.rows(
            "SELECT count(*) FILTER (WHERE number LIKE '+12012000%%'), count(*) FILTER (WHERE number LIKE "
            "'+12012010%%'), count(*) FILTER (WHERE number LIKE '+12012001%%') "
            "FROM phone_numbers WHERE task_id = %s",
            task,
        )
        changed = [
            PrefixRow("201", 200, 0b1, "US", "NJ", "America/New_York", "VERIZON NEW JERSEY", "landline"),
            PrefixRow("201", 201, 0b1, "US", "NJ", "America/New_York", "NEWCOMER", "voip", "NEWARK"),
            *SMALL_ROWS[2:],
        ]
        load_rows(settings, changed)
        wait_until(
            lambda: (
                there.ending(validation("hugo", numbers=["+12012010000"]))["result_data"]["prefix_data_version"]
                == 2
            ),
            60,
            "requests planned by version 2",
        )
        done = there.run("validate", "--changed-since", "1", "--yes")
        assert done.returncode == 0, done.stderr
        summary = {
            line.split()[0]: line.split()[1]
            for line in done.stderr.splitlines()
            if line.endswith(tuple("0123456789"))
        }
        assert summary["unassigned_block"] == f"{gone:,}"
        assert summary["valid"] == f"{kept + moved:,}"
        rows = there.rows(HELD, task)
        assert sorted(rows, key=str) == sorted(
            [
                (True, "valid", "internal", 2, "VERIZON NEW JERSEY", kept),
                (True, "valid", "internal", 2, "NEWCOMER", moved),
                (False, "unassigned_block", "internal", 2, None, gone),
            ],
            key=str,
        )
        counts = there.rows("SELECT reason, count FROM verdict_counts WHERE task_id = %s", task)
        assert sorted(counts) == [("unassigned_block", gone), ("valid", kept + moved)]
        _every_output_has_the_whole_verdict(there, task)
        again = there.run("validate", "--changed-since", "1")
        assert "nothing that is held changed between versions 1 and 2, or it was judged since" in again.stderr
        wrong = there.run("validate", "--changed-since", "9")
        assert (wrong.returncode, wrong.stderr.strip()) == (
            1,
            "there is no version 9 of the prefix data; there are: 1, 2",
        )


def _every_output_has_the_whole_verdict(there: Installation, task: str) -> None:
    """The holder and the rate centre of 201-201-0 by version 2, of a held number and of a list alike."""
    expected = {
        "is_valid": "True",
        "validation_reason": "valid",
        "carrier": "NEWCOMER",
        "line_type": "voip",
        "state": "NJ",
        "country": "US",
        "timezone": "America/New_York",
        "rate_center": "NEWARK",
        "block": "2012010",
        "prefix_data_version": "2",
        "validation_source": "internal",
    }
    body = validation("hugo", numbers=["(201) 201-0000"])
    assert result(there, body)["valid_count"] == 1
    for exported in (task, task_id("hugo", body["request_id"])):
        done = there.run("export", exported, "--out", "-")
        assert done.returncode == 0, done.stderr
        row = next(
            row for row in csv.DictReader(io.StringIO(done.stdout, newline="")) if row["carrier"] == "NEWCOMER"
        )
        assert {name: row[name] for name in expected} == expected
        assert row["validated_at"].endswith("Z")
    file = there.directory / "one.txt"
    file.write_text("201-201-0000\n")
    done = there.run("validate", str(file), "--out", "-")
    (row,) = csv.DictReader(io.StringIO(done.stdout, newline=""))
    assert {name: row[name] for name in expected} == expected | {"is_valid": "true"}


def test_nothing_of_all_this_went_to_the_dead_letters_but_refusals(
    installation: Installation, worker: Process
) -> None:
    """After the tests above: every batch was judged."""
    assert worker.alive()
    headers = [dict(record.headers() or ()) for record in installation.records("deadletters")]
    stages = {one["__streams.errors.stage"] for one in headers if "__streams.errors.settled" not in one}
    assert stages <= {b"intake", b"coordinate"}
