"""GET of tasks: one's own, in pages that stay where they are."""

import base64
import uuid
from typing import Any

import httpx
import pytest

from tests.gateway.api.conftest import MakeClient
from tests.gateway.api.test_submission import GENERATE, ended, errors_of, problem

pytestmark = pytest.mark.usefixtures("worker")
PLACE = b"tasks after 999999999999999 00000000-0000-0000-0000-000000000000"
BEYOND_ALL_TIME = base64.urlsafe_b64encode(PLACE).decode().rstrip("=")


def made(client: httpx.Client, count: int) -> list[str]:
    """Ids of so many small tasks, oldest first."""
    return [
        client.post(GENERATE, json={"quantity": 1, "area_code": "402"}).raise_for_status().json()["task_id"]
        for _ in range(count)
    ]


def pages(client: httpx.Client, url: str | None, turn: str = "next") -> list[list[dict[str, Any]]]:
    """Every page from this one on, in one direction."""
    found = []
    while url is not None:
        page = client.get(url).raise_for_status().json()
        found.append(page["results"])
        url = page[turn]
    return found


def test_pages_hold_every_task_once_while_tasks_are_added(client: MakeClient) -> None:
    """Newest first; those that come while pages are turned move none of them; and the way back is the same."""
    gus = client(f"gus-{uuid.uuid4().hex[:8]}")
    tasks = made(gus, 7)
    first = gus.get("/api/tasks/?limit=3").json()
    assert first["previous"] is None
    added = made(gus, 2)
    rest = pages(gus, first["next"])
    seen = [task["task_id"] for page in [first["results"], *rest] for task in page]
    assert seen == tasks[::-1]
    last = gus.get(first["next"]).json()
    last = gus.get(last["next"]).json()
    assert last["next"] is None
    back = [task["task_id"] for page in pages(gus, last["previous"], "previous") for task in page[::-1]]
    assert back == [*tasks[1:], *added]


def test_a_task_is_seen_at_once_and_everywhere_alike(client: MakeClient) -> None:
    """By its id, in the list, among the active ones while it runs, and by its progress."""
    hal = client(f"hal-{uuid.uuid4().hex[:8]}")
    begun = hal.post(GENERATE, json={"quantity": 1_000_000, "states": ["FL"]}).json()
    task = hal.get(begun["status_url"]).raise_for_status().json()
    assert task["status"] == "running"
    assert [one["task_id"] for one in hal.get("/api/tasks/").json()["results"]] == [task["task_id"]]
    assert [one["task_id"] for one in hal.get("/api/tasks/active/").json()["results"]] == [task["task_id"]]
    progress = hal.get(f"{begun['status_url']}progress/").raise_for_status().json()
    assert (progress["task_id"], progress["total_items"]) == (task["task_id"], 1_000_000)
    hal.post(f"/api/tasks/{task['task_id']}/cancel/")
    ended(hal, begun["status_url"])
    assert hal.get("/api/tasks/active/").json()["results"] == []


def test_nobody_sees_another_users_tasks(client: MakeClient) -> None:
    """Not in a list, not by id: 404, as of a task that never was."""
    ivy, eve = client(f"ivy-{uuid.uuid4().hex[:8]}"), client(f"eve-{uuid.uuid4().hex[:8]}")
    (task,) = made(ivy, 1)
    for path in (f"/api/tasks/{task}/", f"/api/tasks/{task}/progress/"):
        assert ivy.get(path).status_code == 200
        theirs, nobodys = eve.get(path), eve.get(path.replace(task, str(uuid.uuid4())))
        assert problem(theirs, 404) == problem(nobodys, 404)
    assert eve.get("/api/tasks/").json() == {"results": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("query", "field", "rule"),
    [
        ("limit=0", "limit", "input should be greater than or equal to 1"),
        ("limit=1001", "limit", "input should be less than or equal to 1000"),
        ("limit=x", "limit", "input should be a valid integer, unable to parse string as an integer"),
        ("cursor=x", "cursor", "must be the cursor of a page's next or previous, as it came"),
        ("cursor=bnVtYmVycyBhZnRlciAxIDE0MTU1NTUwMTAw", "cursor", "must be the cursor of a page's"),
        (f"cursor={BEYOND_ALL_TIME}", "cursor", "must be the cursor of a page's"),
        ("page=2", "page", "is not a parameter of this call"),
    ],
)
def test_wrong_parameters_are_named(client: MakeClient, query: str, field: str, rule: str) -> None:
    """A misspelt one is not passed over; a cursor of another list is unknown."""
    errors = errors_of(client("jim").get(f"/api/tasks/?{query}"))
    assert list(errors) == [field]
    assert errors[field].startswith(rule)


def test_an_id_that_is_none_is_a_broken_rule(client: MakeClient) -> None:
    """422, not a defect."""
    assert list(errors_of(client("jim").get("/api/tasks/1/"))) == ["task_id"]
