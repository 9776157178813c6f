"""GET of statistics: what SQL counts, at every moment, without reading numbers."""

import asyncio
import json
import uuid
from collections import Counter
from typing import Any

import httpx
import psycopg
import pytest

from agents.fold import FOLD, LOCK
from agents.tally import OF_NUMBERS, recounted
from tests.fix_installation import Installation
from tests.gateway.api.conftest import MakeClient
from tests.gateway.api.test_numbers import generated
from tests.gateway.api.test_submission import GENERATE, ended
from tests.processes import wait_until

PARTS = ("state", "carrier", "line_type", "area_code")
NUMBERS = "SELECT number_value FROM phone_numbers WHERE user_id = %s ORDER BY batch_id, number_value LIMIT 40"
JUDGE = """
INSERT INTO verdicts (number, batch_id, reason, prefix_id, prefix_version, source)
SELECT number_value, batch_id, %(reason)s, CASE WHEN row_number() OVER () <= 15 THEN -1 ELSE (
    SELECT prefix_id FROM prefixes WHERE state = 'TX' ORDER BY prefix_id LIMIT 1
) END, 1, 'internal'
FROM phone_numbers WHERE number_value = ANY(%(numbers)s)
ON CONFLICT (number) DO UPDATE SET reason = excluded.reason, prefix_id = excluded.prefix_id
"""

pytestmark = pytest.mark.usefixtures("worker")


def counted(installation: Installation, user: str) -> dict[str, Any]:
    """The same by reading every number."""
    rows = installation.rows(
        "SELECT state, carrier, line_type, area_code, is_valid FROM phone_numbers WHERE user_id = %s", user
    )
    by = [Counter(row[i] or "unknown" for row in rows) for i in range(4)]
    verdicts = Counter(row[4] for row in rows)
    return {
        "total": len(rows),
        "valid": verdicts[True],
        "invalid": verdicts[False],
        "unvalidated": verdicts[None],
        **{f"by_{name}": dict(found) for name, found in zip(PARTS, by, strict=True)},
    }


def validated(client: httpx.Client, **fields: Any) -> None:
    """A validation to its end."""
    begun = client.post("/api/validate-numbers-enhanced/", json=fields).raise_for_status().json()
    assert ended(client, begun["status_url"])["status"] == "completed"


def test_statistics_are_what_sql_counts(installation: Installation, client: MakeClient) -> None:
    """Of numbers with and without verdicts, of several area codes, and of a fictional one that has no line type."""
    user = f"mia-{uuid.uuid4().hex[:8]}"
    mia = client(user)
    generated(mia, quantity=800, states=["NE", "IA"], batch_size=100)
    generated(mia, quantity=200, states=["NE"], auto_validate=True)
    generated(mia, quantity=5, area_code="402", fictional=True, auto_validate=True)
    found = mia.get("/api/statistics/").raise_for_status().json()
    assert found == counted(installation, user)
    assert (found["total"], found["valid"], found["invalid"], found["unvalidated"]) == (1005, 200, 5, 800)
    assert found["by_line_type"]["unknown"] == 5
    assert list(found["by_carrier"].values()) == sorted(found["by_carrier"].values(), reverse=True)


def test_statistics_are_exact_while_numbers_come(installation: Installation, client: MakeClient) -> None:
    """Each part adds up to the total of the same moment, which never falls; and the end is what SQL counts."""
    user = f"ned-{uuid.uuid4().hex[:8]}"
    ned = client(user)
    begun = ned.post(GENERATE, json={"quantity": 100_000, "states": ["GA"], "batch_size": 1000}).json()
    totals = [0]
    while ned.get(begun["status_url"]).json()["status"] == "running":
        found = ned.get("/api/statistics/").raise_for_status().json()
        for part in PARTS:
            assert sum(found[f"by_{part}"].values()) == found["total"]
        assert found["valid"] + found["invalid"] + found["unvalidated"] == found["total"]
        assert found["total"] >= totals[-1]
        totals.append(found["total"])
    assert ended(ned, begun["status_url"])["status"] == "completed"
    assert ned.get("/api/statistics/").json() == counted(installation, user)


def test_folding_changes_no_count(installation: Installation, client: MakeClient) -> None:
    """Rows of batches become rows of the user, and two that fold at once fold nothing twice."""
    user = f"oda-{uuid.uuid4().hex[:8]}"
    oda = client(user)
    generated(oda, quantity=500, area_code="402", batch_size=100)
    before = oda.get("/api/statistics/").json()
    url = installation.settings.database_url.get_secret_value()

    async def fold() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(FOLD, (LOCK, 3))

    async def all_at_once() -> None:
        await asyncio.gather(*(fold() for _ in range(4)))

    def unfolded() -> int:
        ((count,),) = installation.rows("SELECT count(*) FROM count_changes WHERE user_id = %s", user)
        asyncio.run(all_at_once())
        assert oda.get("/api/statistics/").json() == before
        return int(count)

    wait_until(lambda: unfolded() == 0, 30, "end of folding")
    ((kept,),) = installation.rows(
        "SELECT jsonb_object_agg(value, count) FROM user_counts WHERE user_id = %s AND attribute = 'carrier'", user
    )
    assert kept == before["by_carrier"]


def test_a_number_counts_for_its_newest_holder(installation: Installation, client: MakeClient) -> None:
    """As the view shows it: by a verdict that found another holder of its block, or none any more."""
    user = f"pam-{uuid.uuid4().hex[:8]}"
    pam = client(user)
    task = generated(pam, quantity=100, area_code="402")
    numbers = [number for (number,) in installation.rows(NUMBERS, user)]
    url = installation.settings.database_url.get_secret_value()

    async def judged(reason: str) -> None:
        """As the step judge does it, but for where the verdicts come from."""
        async with (
            await psycopg.AsyncConnection.connect(url) as connection,
            recounted(connection, OF_NUMBERS, numbers),
        ):
            await connection.execute(JUDGE, {"numbers": numbers, "reason": reason})

    asyncio.run(judged("valid"))
    found = pam.get("/api/statistics/").json()
    assert found == counted(installation, user)
    assert (found["by_state"]["TX"], found["by_state"]["unknown"], found["valid"]) == (25, 15, 40)
    asyncio.run(judged("unassigned_block"))
    found = pam.get("/api/statistics/").json()
    assert found == counted(installation, user)
    assert (found["valid"], found["invalid"], found["unvalidated"]) == (0, 40, 60)
    validated(pam, task_id=task)
    found = pam.get("/api/statistics/").json()
    assert found == counted(installation, user)
    assert (found["valid"], "TX" in found["by_state"]) == (100, False)


def test_a_validation_changes_the_counts_by_verdict(installation: Installation, client: MakeClient) -> None:
    """Of whole tasks, of single numbers by their ids, and of a list in which one's own numbers are."""
    user = f"quy-{uuid.uuid4().hex[:8]}"
    quy = client(user)
    task = generated(quy, quantity=300, states=["NE", "IA"], batch_size=100)
    fictional = generated(quy, quantity=20, area_code="402", fictional=True)
    numbers = [number for (number,) in installation.rows(NUMBERS, user)]
    validated(quy, ids=numbers[:30])
    assert quy.get("/api/statistics/").json() == counted(installation, user)
    validated(quy, numbers=[str(number) for number in numbers[20:40]] + ["+1 402 555 0199", "none"])
    assert quy.get("/api/statistics/").json() == counted(installation, user)
    for one in (task, fictional, task):
        validated(quy, task_id=one)
    found = quy.get("/api/statistics/").json()
    assert found == counted(installation, user)
    assert (found["valid"], found["invalid"], found["unvalidated"]) == (300, 20, 0)


def test_a_user_without_numbers_has_none(client: MakeClient) -> None:
    """Zeros, not an error."""
    found = client(f"eve-{uuid.uuid4().hex[:8]}").get("/api/statistics/").json()
    assert json.dumps(found) == json.dumps(
        {
            **dict.fromkeys(("total", "valid", "invalid", "unvalidated"), 0),
            **{f"by_{part}": {} for part in PARTS},
        }
    )
