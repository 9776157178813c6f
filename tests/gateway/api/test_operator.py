"""The operator's scope over HTTP: everybody's tasks, numbers and counts, to read, and on record."""

import uuid
from typing import Any

import httpx
import pytest

from tests.fix_installation import Installation
from tests.gateway.api.conftest import OPERATOR, MakeClient
from tests.gateway.api.test_numbers import generated
from tests.gateway.api.test_submission import GENERATE, problem
from tests.processes import wait_until

pytestmark = pytest.mark.usefixtures("worker")


def reads(task: str) -> list[str]:
    """Every call that reads of a user."""
    return [
        "/api/tasks/?limit=1",
        "/api/tasks/active/",
        f"/api/tasks/{task}/",
        f"/api/tasks/{task}/progress/",
        f"/api/tasks/{task}/numbers/",
        f"/api/tasks/{task}/validations/",
        "/api/numbers/?limit=3",
        f"/api/numbers/export?format=txt&task_id={task}",
        "/api/statistics/",
    ]


def of(client: httpx.Client, path: str, user: str) -> httpx.Response:
    """A call about a user."""
    return client.get(path, params={**httpx.QueryParams(path.partition("?")[2]), "user_id": user})


def told(answer: httpx.Response) -> Any:
    """What an answer says, but for the addresses of the pages beside it."""
    if not answer.headers["content-type"].startswith("application/json"):
        return answer.text
    found = answer.json()
    return found.get("results", found)


def test_an_operator_reads_what_the_user_reads_and_each_call_is_on_record(
    installation: Installation, client: MakeClient
) -> None:
    """The same answers; other pages too; and in PostgreSQL a record a call, which names operator, user and path."""
    ann, root = f"ann-{uuid.uuid4().hex[:8]}", f"root-{uuid.uuid4().hex[:8]}"
    own, operator = client(ann), client(root, OPERATOR)
    task = generated(own, quantity=5, area_code="402")
    for path in reads(task):
        mine, shown = own.get(path), of(operator, path, ann)
        assert (shown.status_code, shown.headers["content-type"]) == (200, mine.headers["content-type"])
        assert told(shown) == told(mine)
    page = of(operator, "/api/numbers/?limit=3", ann).json()
    assert len(operator.get(page["next"]).raise_for_status().json()["results"]) == 2
    assert operator.get(f"/api/tasks/{task}/").status_code == 404, (
        "without user_id an operator has tasks of their own"
    )

    def recorded() -> list[str]:
        rows = installation.rows(
            "SELECT details->>'what' FROM audit WHERE actor = %s AND subject = %s AND action = 'read' ORDER BY at",
            f"operator:{root}",
            ann,
        )
        return [what for (what,) in rows]

    wait_until(lambda: len(recorded()) == len(reads(task)) + 2, 30, "records of all calls")
    assert recorded()[: len(reads(task))] == [path.partition("?")[0] for path in reads(task)]


def test_nobody_else_reads_of_another_user(installation: Installation, client: MakeClient) -> None:
    """403 from every call, whether there is such a user or not, and counted; one's own id is no secret."""
    bob, calls = client("bob"), reads(str(uuid.uuid4()))
    failures = 'numberline_authentication_failures_total{reason="wrong_user"}'
    before = installation.running["gateway"].metric(failures)
    for path in calls:
        assert problem(of(bob, path, "ann"), 403)["code"] == "not_authorized"
    assert installation.running["gateway"].metric(failures) == before + len(calls)
    assert bob.get("/api/statistics/?user_id=bob").status_code == 200
    rule = "string should match pattern '^[A-Za-z0-9._:-]{1,64}$'"
    assert problem(bob.get("/api/statistics/?user_id=a%20b"), 422)["errors"] == [
        {"field": "user_id", "message": rule}
    ]


def test_an_operator_asks_for_nothing_in_anothers_name(client: MakeClient) -> None:
    """What is produced is the operator's own, or refused."""
    operator = client("root", OPERATOR)
    answer = problem(operator.post(GENERATE, json={"quantity": 1, "user_id": "ann"}), 422)
    assert answer["errors"] == [{"field": "user_id", "message": 'must be "root" here, or left out'}]
