"""Quotas on a running installation: set by an operator, pinned by intake, judged by coordinate."""

import json
from typing import Any

import pytest

from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import wait_until


def refusal(installation: Installation, **fields: Any) -> dict[str, Any]:
    """What a user of these tests is refused for."""
    ending = installation.ending(installation.request("quin", **fields))
    assert ending["type"] == "task_failed", ending
    assert ending["error"]["code"] == "quota_exceeded"
    details: dict[str, Any] = ending["error"]["details"]
    return details


def test_a_user_gets_what_the_quota_allows_and_no_more(installation: Installation) -> None:
    """Numbers of the day, counted as delivered; tasks at once; a change and its end hold within a moment."""
    run = installation.run
    assert run("quota", "set", "quin", "--numbers-a-day", "50").stdout == (
        "quin: 50 numbers a day, no bound tasks at once\n"
    )
    with installation.worker("quotas"):
        body = installation.request("quin", quantity=40, area_code="570")
        assert installation.ending(body)["type"] == "task_completed"
        assert refusal(installation, quantity=11, area_code="570") == {
            "errors": [
                {
                    "field": "quantity",
                    "message": "11 numbers asked for, 10 of 50 are left of this day (UTC)",
                }
            ],
            "numbers_a_day": 50,
            "numbers_today": 40,
            "tasks_at_once": None,
            "tasks_running": 0,
            "requested": 11,
        }
        (letter,) = [one for one in installation.records("deadletters") if b'"quin"' in (one.value() or b"")]
        assert dict(letter.headers())["__streams.errors.reason"] == b"quota_exceeded"
        body = installation.request("quin", quantity=10, area_code="570")
        assert installation.ending(body)["type"] == "task_completed"
        assert run("quota", "set", "--others", "--tasks-at-once", "0").returncode == 0
        assert run("quota", "set", "quin", "--tasks-at-once", "1").returncode == 0

        def allowed() -> bool:
            body = installation.request("quin", quantity=1, area_code="570")
            return bool(installation.ending(body)["type"] == "task_completed")

        wait_until(allowed, 30, "the new quota")
        large = installation.request("quin", quantity=1_000_000, batch_size=500)
        installation.produce(json.dumps(large).encode())
        details = refusal(installation, quantity=1, area_code="570")
        assert (details["tasks_running"], details["tasks_at_once"]) == (1, 1)
        other = installation.ending(installation.request("rae", quantity=1, area_code="570"))
        assert other["error"]["details"]["tasks_at_once"] == 0
        cancel = {"type": "cancel", "user_id": "quin", "request_id": "c"}
        assert installation.ending(cancel | {"task_id": task_id("quin", large["request_id"])})["type"] == (
            "task_cancelled"
        )
        assert allowed()
        listed = run("quota", "list").stdout
        assert [line.split()[0] for line in listed.splitlines()] == ["user", "all", "quin"]
        for whose in ("--others", "quin"):
            assert run("quota", "remove", whose).stdout.endswith(": no quota any more\n")
        assert run("quota", "list").stdout == "nobody has a quota\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "ada"), "give --numbers-a-day, --tasks-at-once or both"),
        (("set", "--tasks-at-once", "1"), "give a USER, or --others"),
        (("set", "ada", "--others", "--tasks-at-once", "1"), "give a USER, or --others"),
        (("set", "ada", "--numbers-a-day", "-1"), "-1 is not in the range"),
        (("remove", "nobody-at-all"), "nobody-at-all has no quota"),
    ],
)
def test_a_wrong_quota_is_refused(installation: Installation, arguments: tuple[str, ...], message: str) -> None:
    """Exit 2 and what to do."""
    done = installation.run("quota", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
