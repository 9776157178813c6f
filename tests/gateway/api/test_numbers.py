"""GET of numbers: pages that stay where they are, and exports of any length."""

import csv
import gzip
import io
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gateway.api import held
from gateway.api.cursors import Cursor
from gateway.api.held import Wanted
from gateway.database import Database
from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient, client_of
from tests.gateway.api.test_submission import GENERATE, ended, errors_of, problem
from tests.gateway.api.test_tasks import pages

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture(scope="module")
def lee() -> str:
    """A user of this module's own."""
    return f"lee-{uuid.uuid4().hex[:8]}"


def generated(client: httpx.Client, **fields: Any) -> str:
    """The id of a task that has delivered its numbers."""
    task = ended(client, client.post(GENERATE, json=fields).raise_for_status().json()["status_url"])
    assert task["status"] == "completed"
    return str(task["task_id"])


@pytest.fixture(scope="module")
def tasks(installation: Installation, lee: str, worker: object) -> list[str]:
    """Two tasks: 700 numbers of Nebraska in small batches, 300 valid ones of two area codes in a project."""
    with client_of(installation, lee) as client:
        return [
            generated(client, quantity=700, area_code="402", batch_size=100),
            generated(client, quantity=300, area_codes=["308", "531"], auto_validate=True, project_id="p-1"),
        ]


def numbers(rows: list[list[dict[str, Any]]]) -> list[str]:
    """The numbers of pages, in order."""
    return [row["number"] for page in rows for row in page]


def test_pages_hold_every_number_once_while_numbers_are_added(
    installation: Installation, client: MakeClient, lee: str, tasks: list[str]
) -> None:
    """In the order in which they were stored; what comes meanwhile is behind all of them; and back the same way."""
    mine = client(lee)
    first = mine.get("/api/numbers/?limit=300&state=NE").raise_for_status().json()
    assert first["previous"] is None
    more = generated(mine, quantity=100, area_code="402")
    found = [first["results"], *pages(mine, first["next"])]
    stored = installation.rows(
        "SELECT number, task_id::text FROM phone_numbers WHERE user_id = %s ORDER BY batch_id, number_value", lee
    )
    assert numbers(found) == [number for number, _ in stored]
    assert {task for _, task in stored} == {*tasks, more}
    assert [len(page) for page in found] == [300, 300, 300, 200]
    back = pages(mine, mine.get(pages_urls(mine, first["next"])[-1]).json()["previous"], "previous")
    assert numbers([page[::-1] for page in back]) == numbers(found[:-1])[::-1]


def pages_urls(client: httpx.Client, url: str | None) -> list[str]:
    """Where the pages from this one on are."""
    found = []
    while url is not None:
        found.append(url)
        url = client.get(url).json()["next"]
    return found


def test_a_row_has_what_the_view_has(
    installation: Installation, client: MakeClient, lee: str, tasks: list[str]
) -> None:
    """All columns but the batch, as JSON; times in RFC 3339."""
    row = client(lee).get(f"/api/tasks/{tasks[1]}/numbers/?limit=1").json()["results"][0]
    (found,) = installation.rows(
        "SELECT to_jsonb(p) - 'batch_id' FROM phone_numbers p WHERE number_value = %s", row["number_value"]
    )
    times = ("created_at", "validated_at")
    assert {k: v for k, v in row.items() if k not in times} == {k: v for k, v in found[0].items() if k not in times}
    assert row["created_at"].endswith("Z")
    assert (row["is_valid"], row["task_id"]) == (True, tasks[1])


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("area_code=308", "area_code = '308'"),
        ("area_code=308&area_code=531", "area_code IN ('308', '531')"),
        ("state=ne", "state = 'NE'"),
        ("line_type=wireless", "line_type = 'wireless'"),
        ("carrier=verizon", "carrier ILIKE '%%verizon%%'"),
        ("carrier=VERIZON&carrier=t-mobile", "carrier ~* 'verizon|t-mobile'"),
        ("carrier=%25", "carrier LIKE '%%\\%%%%'"),
        ("is_valid=true", "is_valid"),
        ("is_valid=false", "NOT is_valid"),
        ("project_id=p-1", "project_id = 'p-1'"),
        ("state=NE&line_type=landline&area_code=402", "line_type = 'landline' AND area_code = '402'"),
        ("state=TX", "false"),
    ],
)
@pytest.mark.usefixtures("tasks")
def test_filters_are_those_of_sql(
    installation: Installation, client: MakeClient, lee: str, query: str, condition: str
) -> None:
    """One entry of each list given; pages and export alike."""
    mine = client(lee)
    found = numbers(pages(mine, f"/api/numbers/?limit=250&{query}"))
    stored = installation.rows(
        f"SELECT number FROM phone_numbers WHERE user_id = %s AND {condition} ORDER BY batch_id, number_value", lee
    )
    assert found == [number for (number,) in stored]
    assert mine.get(f"/api/numbers/export?format=txt&{query}").text.split() == found


@pytest.mark.parametrize("query", ["area_code=41", "line_type=fax", "is_valid=maybe", "carier=x", "state="])
def test_wrong_filters_are_named(client: MakeClient, query: str) -> None:
    """One that is misspelt is not passed over."""
    assert list(errors_of(client("lou").get(f"/api/numbers/?{query}"))) == [query.partition("=")[0]]


async def test_a_search_that_finds_little_ends_with_a_short_page(
    installation: Installation, lee: str, tasks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page looks through so many numbers and no more; whoever follows next, or previous, gets all."""
    monkeypatch.setattr(held, "MOST_SEARCHED", 150)
    monkeypatch.setattr(held, "MOST_AT_ONCE", 100)
    database = Database(installation.settings.database_url.get_secret_value(), 1)
    wanted = Wanted(lee, tasks[0], carriers=("t-mobile",))
    forward, backward = list[list[str]](), list[list[str]]()
    page = await held.Held(database).page(wanted, None, 50)
    forward.append([row["number"] for row in page.rows])
    while page.next is not None:
        page = await held.Held(database).page(wanted, page.next, 50)
        forward.append([row["number"] for row in page.rows])
    end = Cursor("numbers", 2**31 - 1, "9" * 11, before=True)
    page = await held.Held(database).page(wanted, end, 50)
    backward.append([row["number"] for row in page.rows])
    while page.previous is not None:
        page = await held.Held(database).page(wanted, page.previous, 50)
        backward.append([row["number"] for row in page.rows])
    await database.close()
    stored = installation.rows(
        "SELECT number FROM phone_numbers WHERE task_id = %s AND carrier ILIKE %s ORDER BY batch_id, number_value",
        tasks[0],
        "%t-mobile%",
    )
    assert [number for one in forward for number in one] == [number for (number,) in stored]
    assert [number for one in backward[::-1] for number in one] == [number for (number,) in stored]
    assert len(forward) >= 3
    assert all(len(one) < 50 for one in forward)


def test_an_export_is_what_sql_has(
    installation: Installation, client: MakeClient, lee: str, tasks: list[str]
) -> None:
    """CSV after RFC 4180 with a head, NDJSON, or numbers alone."""
    mine = client(lee)
    task = tasks[1]
    url = f"/api/numbers/export?task_id={task}&format="
    stored = [
        row
        for (row,) in installation.rows(
            "SELECT to_jsonb(p) FROM phone_numbers p WHERE task_id = %s ORDER BY batch_id, number_value", task
        )
    ]
    answer = mine.get(url + "csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="numbers-{task}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["number"] for row in rows] == [row["number"] for row in stored]
    assert any("," in row["carrier"] for row in rows)
    lines = [json.loads(line) for line in mine.get(url + "ndjson").text.splitlines()]
    assert [line["validated_at"] or "" for line in lines] == [row["validated_at"] for row in rows]
    for row, line, expected in zip(rows, lines, stored, strict=True):
        at = datetime.fromisoformat(expected["validated_at"]).astimezone(UTC)
        expected |= {"validated_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        assert line == {name: expected[name] for name in row}
        expected |= {"is_valid": "true"}
        assert row == {name: "" if expected[name] is None else str(expected[name]) for name in row}
    assert mine.get(url + "txt").text.splitlines() == [row["number"] for row in stored]


def test_an_export_goes_on_where_it_was_cut(client: MakeClient, lee: str, tasks: list[str]) -> None:
    """After the last whole line, without a second head: together they are the whole."""
    mine = client(lee)
    url = f"/api/numbers/export?task_id={tasks[0]}&format=csv"
    whole = mine.get(url).text
    cut = whole[: len(whole) // 3]
    kept = cut[: cut.rindex("\n") + 1]
    last = kept.splitlines()[-1].split(",")[0]
    rest = mine.get(url, params={"after": last, "task_id": tasks[0], "format": "csv"}).text
    assert kept + rest == whole
    other = errors_of(client("eve").get("/api/numbers/export", params={"after": last}))
    assert other == {"after": "must be a number of yours, the last whole one that you have"}


def test_an_export_is_compressed_where_that_is_asked_for(client: MakeClient, lee: str, tasks: list[str]) -> None:
    """By gzip, and the same inside."""
    mine = client(lee)
    url = f"/api/numbers/export?task_id={tasks[0]}&format=ndjson"
    with mine.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    plain = mine.get(url, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 3


def test_nobody_reads_another_users_numbers(client: MakeClient, tasks: list[str]) -> None:
    """Not by the task, not by the export; the list is empty."""
    eve = client(f"eve-{uuid.uuid4().hex[:8]}")
    for path in (f"/api/tasks/{tasks[0]}/numbers/", f"/api/numbers/export?task_id={tasks[0]}"):
        assert problem(eve.get(path), 404)["code"] == "unknown_task"
    assert eve.get("/api/numbers/").json() == {"results": [], "next": None, "previous": None}
    assert eve.get("/api/numbers/export?format=txt").content == b""
