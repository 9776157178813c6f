"""The audit trail: every request, refusal, cancel and change leaves one record, on the topic and in PostgreSQL."""

import csv
import json
import uuid
from pathlib import Path

import pytest

from numberline import audit
from numberline.errors import NotReachable
from schemas import codec
from schemas.events import Audited
from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import wait_until


def test_what_was_asked_for_and_changed_can_be_read_and_exported(
    installation: Installation, tmp_path: Path
) -> None:
    """Who, when, what and the outcome; a request sent twice is one record."""
    with installation.worker("audit"):
        good = installation.request("aud", quantity=3, area_code="605")
        assert installation.ending(good)["type"] == "task_completed"
        installation.produce(json.dumps(good).encode())
        wrong = installation.request("aud", quantity=0)
        assert installation.ending(wrong)["type"] == "task_failed"
        cancel = {"type": "cancel", "user_id": "aud", "request_id": "c", "task_id": str(uuid.uuid4())}
        assert installation.ending(cancel)["code"] == "unknown_task"
        mark = uuid.uuid4().hex.encode()
        installation.produce(b"{" + mark)
        assert installation.run("suppress", "add", "6052000000", "--user", "aud").returncode == 0
        assert installation.run("quota", "set", "aud", "--tasks-at-once", "9").returncode == 0
        assert installation.run("quota", "remove", "aud").returncode == 0

        def records() -> list[dict[str, str]]:
            out = tmp_path / "audit.csv"
            done = installation.run("audit", "--since", "2020-01-01", "--out", str(out))
            assert done.returncode == 0, done.stderr
            rows = list(csv.DictReader(out.read_text().splitlines()))
            return [row for row in rows if "aud" in (row["actor"], row["subject"]) or row["actor"] == "unknown"]

        task, wrong_task = (task_id("aud", body["request_id"]) for body in (good, wrong))
        expected = {
            ("aud", "generate", task, "accepted"),
            ("aud", "generate", wrong_task, "refused"),
            ("aud", "cancel", cancel["task_id"], "refused"),
            *(("operator", action, "aud", "done") for action in ("suppress", "set quota", "remove quota")),
        }

        def found() -> list[tuple[str, str, str, str]]:
            return [
                (row["actor"].partition(":")[0], row["action"], row["subject"], row["outcome"])
                for row in records()
                if row["actor"] != "unknown"
            ]

        wait_until(lambda: set(found()) == expected, 30, "records of all")
        assert len(found()) == len(expected)
        wait_until(
            lambda: any(row["actor"] == "unknown" and "is not valid JSON" in row["details"] for row in records()),
            30,
            "record of what could not be read",
        )
    refused = installation.run("audit", "--actor", "aud", "--outcome", "refused", "--format", "ndjson", "-o", "-")
    rows = [json.loads(line) for line in refused.stdout.splitlines()]
    details = {row["subject"]: row["details"] for row in rows}
    assert details[wrong_task]["code"] == "invalid_request"
    assert details[cancel["task_id"]] == {
        "request_id": "c",
        "code": "unknown_task",
        "message": "you have no such task; should its request still come, it ends at once",
    }
    assert "suppress" in installation.run("audit", "--action", "suppress").stdout
    assert installation.run("audit", "--actor", "nobody").stdout == "no records\n"
    on_topic = [codec.decode(record.value()) for record in installation.records("audit")]
    assert {task, wrong_task} <= {event.subject for event in on_topic if isinstance(event, Audited)}


def test_what_broke_off_leaves_a_record_as_well(installation: Installation) -> None:
    """With what it had done by then; without the topic, the command's own error is what is told."""
    subject = uuid.uuid4().hex
    with (
        pytest.raises(ZeroDivisionError),
        audit.attempt(installation.settings, "replay dead letters", subject, done=3),
    ):
        _ = 1 / 0
    (record,) = (
        event
        for event in (codec.decode(one.value()) for one in installation.records("audit"))
        if isinstance(event, Audited) and event.subject == subject
    )
    assert (record.outcome, record.details) == ("failed", '{"done": 3, "message": "ZeroDivisionError"}')
    elsewhere = installation.settings.model_copy(update={"namespace": "nowhere"})
    with pytest.raises(ZeroDivisionError), audit.attempt(elsewhere, "compact", "ledger"):
        _ = 1 / 0
    there_is_none = r"the topic nowhere\.audit cannot be reached: it is not there"
    with pytest.raises(NotReachable, match=there_is_none), audit.attempt(elsewhere, "compact", "ledger"):
        pass
