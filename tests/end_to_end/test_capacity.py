"""Capacity as users ask for it, and generations that cannot be met."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient, client
from tests.processes import Process, wait_until

__all__ = ["client"]


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("capacity") as process:
        yield process


def capacity(installation: Installation, *options: str) -> dict[str, Any]:
    """What the command line says of fictional numbers."""
    done = installation.run("capacity", "--fictional", "--json", *options)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.usefixtures("worker")
def test_what_is_given_out_or_suppressed_is_told_within_a_moment(
    installation: Installation, client: MakeClient
) -> None:
    """By the command line and over HTTP alike; a user's own list counts for that user."""
    body = installation.request("vic", quantity=30, area_code="316", fictional=True)
    assert installation.ending(body)["type"] == "task_completed"
    assert installation.run("suppress", "add", *(f"31655501{line}" for line in range(10, 100))).returncode == 0
    assert installation.run("suppress", "add", "3165550100", "--user", "wes").returncode == 0
    given = installation.rows("SELECT number FROM phone_numbers WHERE user_id = 'vic'")
    lines = {int(number[-3:]) for (number,) in given}
    suppressed = 90 - len(lines & set(range(110, 200)))
    expected = {"exist": 100, "used": 30, "suppressed": suppressed, "left": 70 - suppressed}
    of_wes = 1 if 100 not in lines else 0

    def answered(user: str) -> dict[str, Any]:
        answer: dict[str, Any] = (
            client(user).post("/api/capacity/", json={"area_code": "316", "fictional": True}).json()
        )
        return answer

    wait_until(lambda: answered("vic")["total"] == expected, 20, "capacity as it is")
    assert answered("vic") == {"total": expected, "area_codes": [{"area_code": "316", **expected}]}
    wait_until(lambda: answered("wes")["total"]["suppressed"] == suppressed + of_wes, 20, "the user's own")
    assert capacity(installation, "-a", "316") == answered("vic")
    assert capacity(installation, "-a", "316", "--user", "wes") == answered("wes")


@pytest.mark.usefixtures("worker")
def test_a_generation_that_cannot_be_met_is_refused_before_a_number_is_spent(installation: Installation) -> None:
    """With the figures; the same request partially is planned, and the refused one is no task."""
    first = installation.request("xia", quantity=60, area_code="334", fictional=True)
    assert installation.ending(first)["type"] == "task_completed"
    figures = {"exist": 100, "used": 60, "suppressed": 0, "left": 40}
    wait_until(lambda: capacity(installation, "-a", "334")["total"] == figures, 20, "capacity as it is")
    second = installation.request("xia", quantity=41, area_code="334", fictional=True)
    ending = installation.ending(second)
    assert ending["error"]["code"] == "capacity_exhausted"
    assert ending["error"]["details"] == {
        "errors": [
            {
                "field": "quantity",
                "message": "41 numbers asked for, 100 exist under these filters, 60 given out, 40 left; "
                'ask for fewer, or say "on_shortfall": "partial"',
            }
        ],
        "requested": 41,
        **figures,
        "area_codes": {"334": figures},
    }
    batches = "SELECT count(*) FROM batches WHERE task_id = %s"
    assert installation.rows(batches, task_id("xia", second["request_id"])) == [(0,)]
    # the first request again is still the first task, though it could not be met now
    messages = installation.messages(first | {"request_id": first["request_id"], "quantity": 61})
    assert messages[-1]["code"] == "request_id_reused"
    installation.produce(json.dumps(first).encode())
    partial = installation.request("xia", quantity=41, area_code="334", fictional=True, on_shortfall="partial")
    assert installation.ending(partial)["result_data"]["total_generated"] == 40
    row = "SELECT status, succeeded FROM tasks WHERE task_id = %s"
    ended = installation.rows(row, task_id("xia", first["request_id"]))
    assert ended == [("completed", 60)]


@pytest.mark.usefixtures("worker")
def test_the_whole_country_is_answered(installation: Installation, client: MakeClient) -> None:
    """All area codes of the data, by the filters of a generation; a wrong one is named."""
    answer = client("yan").post("/api/capacity/", json={}).json()
    assert len(answer["area_codes"]) == 443
    assert answer["total"]["exist"] == sum(one["exist"] for one in answer["area_codes"]) > 1_300_000_000
    assert answer["total"]["left"] == sum(one["left"] for one in answer["area_codes"])
    few = client("yan").post("/api/capacity/", json={"states": ["VT"], "line_types": ["wireless"]}).json()
    assert [one["area_code"] for one in few["area_codes"]] == ["802"]
    wrong = client("yan").post("/api/capacity/", json={"states": ["ZZ"], "quantity": 5})
    assert (wrong.status_code, wrong.json()["errors"]) == (
        422,
        [{"field": "quantity", "message": "is not a field of this request"}],
    )
    unknown = client("yan").post("/api/capacity/", json={"states": ["ZZ"]})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "states")
    shown = installation.run("capacity", "--state", "VT", "--line-type", "wireless").stdout
    assert shown.splitlines()[0].split() == ["area", "code", "exist", "used", "suppressed", "left"]
    assert f"{few['total']['exist']:,}" in shown
    refused = installation.run("capacity", "--state", "ZZ")
    assert (refused.returncode, 'states no state or province "ZZ" in the data' in refused.stderr) == (2, True)


def test_a_worker_that_takes_over_tells_what_the_one_before_it_did_not(installation: Installation) -> None:
    """Killed before it could tell: the successor tells of all that it owns, though nothing more is asked for."""
    with installation.worker("kept") as doomed:
        body = installation.request("zoe", quantity=7, area_code="435", fictional=True)
        assert installation.ending(body)["type"] == "task_completed"
        doomed.stop()
    before = len(installation.records("usage"))
    with installation.worker("takes-over"):
        wait_until(lambda: len(installation.records("usage")) > before, 30, "usage of the successor")
        figures = {"exist": 100, "used": 7, "suppressed": 0, "left": 93}
        wait_until(lambda: capacity(installation, "-a", "435")["total"] == figures, 20, "capacity as it is")
