"""POST of validations: lists, ids, tasks; by the validator of the workers."""

import uuid
from typing import Any

import pytest

from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient
from tests.gateway.api.test_numbers import generated
from tests.gateway.api.test_submission import ended, errors_of

pytestmark = pytest.mark.usefixtures("worker")
VALIDATE, BULK = "/api/validate-numbers-enhanced/", "/api/bulk-validate/"


@pytest.mark.parametrize("path", [VALIDATE, BULK])
def test_a_list_is_judged(client: MakeClient, path: str) -> None:
    """202, then a task whose result counts the reasons."""
    uma = client(f"uma-{uuid.uuid4().hex[:8]}")
    begun = uma.post(path, json={"numbers": ["+1 402 555 0100", "nonsense", "(211) 555-0100"]}).raise_for_status()
    task = ended(uma, begun.json()["status_url"])
    assert (task["type"], task["status"], task["result_data"]["validated_count"]) == ("validate", "completed", 3)
    assert task["result_data"]["reasons"]["not_a_number"] == 1


def test_held_numbers_are_judged_by_their_ids_and_by_their_task(client: MakeClient) -> None:
    """What pages call number_value is a phone_id; afterwards the numbers have their verdicts."""
    vera = client(f"vera-{uuid.uuid4().hex[:8]}")
    task = generated(vera, quantity=30, area_code="402")
    rows = vera.get(f"/api/tasks/{task}/numbers/").json()["results"]
    ids = [row["number_value"] for row in rows[:10]]
    by_ids = ended(vera, vera.post(BULK, json={"phone_ids": ids}).raise_for_status().json()["status_url"])
    assert by_ids["result_data"]["valid_count"] == 10
    assert vera.get("/api/statistics/").json()["valid"] == 10
    by_task = ended(vera, vera.post(VALIDATE, json={"task_id": task}).raise_for_status().json()["status_url"])
    assert by_task["result_data"]["valid_count"] == 30
    assert len(vera.get("/api/numbers/?is_valid=true").json()["results"]) == 30


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (BULK, {"phone_ids": [1]}, "phone_ids"),
        (BULK, {"task_id": str(uuid.uuid4())}, "task_id"),
        (BULK, {}, "numbers"),
        (VALIDATE, {}, "numbers"),
        (VALIDATE, {"numbers": [4025550100]}, "numbers"),
        (VALIDATE, {"numbers": ["+14025550100"] * 10_001}, "numbers"),
    ],
)
def test_a_broken_rule_is_named(client: MakeClient, path: str, body: dict[str, Any], field: str) -> None:
    """By the name that the call has for it."""
    assert field in errors_of(client("wes").post(path, json=body))


def test_the_verdicts_on_a_list_are_read_number_by_number(installation: Installation, client: MakeClient) -> None:
    """In the order given, page by page and back, by verdict; and as SQL has them."""
    yve = client(f"yve-{uuid.uuid4().hex[:8]}")
    given = ["+1 402 555 0100", "nonsense", "(402) 555-0100", "211 555 0100", "+1 402 555 0101"]
    task = ended(yve, yve.post(BULK, json={"numbers": given}).raise_for_status().json()["status_url"])["task_id"]
    path = f"/api/tasks/{task}/validations/"
    first = yve.get(f"{path}?limit=2").raise_for_status().json()
    second = yve.get(first["next"]).raise_for_status().json()
    third = yve.get(second["next"]).raise_for_status().json()
    rows = [row for page in (first, second, third) for row in page["results"]]
    assert [row["given"] for row in rows] == given
    assert [row["position"] for row in rows] == list(range(5))
    assert [row["duplicate_of"] for row in rows] == [None, None, 0, None, None]
    assert (first["previous"], third["next"]) == (None, None)
    assert yve.get(third["previous"]).json()["results"] == second["results"]
    fictional = yve.get(f"{path}?reason=fictional").json()["results"]
    assert [row["position"] for row in fictional] == [0, 2, 4]
    assert yve.get(f"{path}?is_valid=true").json()["results"] == []
    stored = installation.rows(
        "SELECT given, number, validation_reason, block FROM validations WHERE task_id = %s ORDER BY position", task
    )
    names = ("given", "number", "validation_reason", "block")
    assert [tuple(row[name] for name in names) for row in rows] == stored


def test_the_verdicts_on_held_numbers_show_with_the_numbers(client: MakeClient) -> None:
    """No list was given: the list is empty; and another user's is as unknown as none."""
    zoe = client(f"zoe-{uuid.uuid4().hex[:8]}")
    held = generated(zoe, quantity=3, area_code="402")
    begun = zoe.post(VALIDATE, json={"task_id": held}).raise_for_status().json()
    ended(zoe, begun["status_url"])
    path = f"/api/tasks/{begun['task_id']}/validations/"
    assert zoe.get(path).json() == {"results": [], "next": None, "previous": None}
    assert client("bob").get(path).status_code == 404
    assert errors_of(zoe.get(f"{path}?cursor=x")) == {
        "cursor": "must be the cursor of a page's next or previous, as it came"
    }
