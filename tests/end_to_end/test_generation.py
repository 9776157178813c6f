"""Requests on a real broker become rows in a real PostgreSQL, and users hear of it."""

import csv
import gzip
import io
import json
import subprocess
from collections.abc import Iterator
from importlib import resources

import fastavro
import pytest

from schemas import codec
from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import Process, wait_until

ROWS_OF_TASK = "SELECT count(*), count(DISTINCT number) FROM phone_numbers WHERE task_id = %s"


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("generation") as process:
        yield process


def row_of(installation: Installation, task: str) -> tuple[object, ...] | None:
    """A task as SQL users see it, a moment after the WebSocket has told."""
    query = "SELECT status, quantity, succeeded, task_name FROM tasks WHERE task_id = %s"
    return next(iter(installation.rows(query, task)), None)


def shipped_blocks(area_code: str) -> dict[tuple[str, str], dict[str, str]]:
    """Exchange and thousands digit -> its row in the shipped file, read anew without the project's code."""
    file = resources.files("numberline") / "data" / "nanp_blocks_2026-09.csv.gz"
    with gzip.open(str(file), "rt", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["npa"] == area_code]
    return {(row["nxx"], digit): row for row in rows for digit in row["blocks"]}


@pytest.mark.usefixtures("worker")
def test_a_generation_delivers_exactly_its_quantity_in_order_of_the_contract(installation: Installation) -> None:
    """12,000 numbers: started, progress by absolute counts that only grow, completed, as many distinct rows."""
    body = installation.request("ada", quantity=12_000, area_codes=["415", "628"], task_name="Load test")
    messages = installation.messages(body)
    task = task_id("ada", body["request_id"])
    assert [message["type"] for message in messages[:1] + messages[-1:]] == ["task_started", "task_completed"]
    assert {message["type"] for message in messages[1:-1]} == {"task_progress"}
    counts = [message["processed_items"] for message in messages[1:-1]]
    assert counts == sorted(counts)
    result = messages[-1]["result_data"]
    assert result["total_generated"] == 12_000
    assert sum(result["area_codes"].values()) == 12_000
    assert set(result["area_codes"]) == {"415", "628"}
    assert installation.rows(ROWS_OF_TASK, task) == [(12_000, 12_000)]
    wait_until(
        lambda: row_of(installation, task) == ("completed", 12_000, 12_000, "Load test"), 10, "row of the task"
    )


@pytest.mark.usefixtures("worker")
def test_each_row_carries_what_the_shipped_file_says_of_its_block(installation: Installation) -> None:
    """Every number lies in a block that is assigned, and is enriched with that block's row."""
    blocks = shipped_blocks("907")
    body = installation.request("bea", quantity=3_000, area_code="907")
    assert installation.ending(body)["type"] == "task_completed"
    rows = installation.rows(
        "SELECT number, exchange, carrier, state, country, timezone, line_type, prefix_data_version "
        "FROM phone_numbers WHERE task_id = %s",
        task_id("bea", body["request_id"]),
    )
    assert len(rows) == 3_000
    for number, exchange, carrier, state, country, timezone, line_type, version in rows:
        row = blocks[exchange, number[8]]
        assert number.startswith(f"+1907{exchange}")
        assert (carrier, state, country, timezone or "", line_type) == (
            row["carrier"],
            row["state"],
            row["country"],
            row["timezone"],
            row["line_type"],
        )
        assert version == 1


@pytest.mark.usefixtures("worker")
def test_all_filters_together_limit_what_is_generated(installation: Installation) -> None:
    """State, country, time zone, carrier and line type, each with its own spelling of the field."""
    body = installation.request(
        "cyd",
        quantity=2_000,
        states=["CA", "NV"],
        countries=["US"],
        timezones=["America/Los_Angeles"],
        carriers=["t-mobile", "Cellco"],
        line_types=["wireless"],
    )
    assert installation.ending(body)["type"] == "task_completed"
    found = installation.rows(
        "SELECT count(*), array_agg(DISTINCT state), array_agg(DISTINCT country), array_agg(DISTINCT timezone), "
        "array_agg(DISTINCT line_type), bool_and(carrier ~* 't-mobile|cellco') "
        "FROM phone_numbers WHERE task_id = %s",
        task_id("cyd", body["request_id"]),
    )
    assert found == [(2_000, ["CA", "NV"], ["US"], ["America/Los_Angeles"], ["wireless"], True)]


@pytest.mark.usefixtures("worker")
def test_numbers_of_no_area_code_in_particular_come_from_many(installation: Installation) -> None:
    """Without an area code the numbers are spread over the country in proportion to what exists."""
    ending = installation.ending(installation.request("dot", quantity=5_000, countries=["US"]))
    assert ending["result_data"]["total_generated"] == 5_000
    assert len(ending["result_data"]["area_codes"]) >= 25


@pytest.mark.usefixtures("worker")
def test_an_area_code_is_exact_to_its_last_number(installation: Installation) -> None:
    """Of the 100 fictional numbers of an area code 60 go to one task; another gets the 40 left, exactly.

    Both are submitted at once, in one partition: when the second is planned, all 100 are left.
    """
    first = installation.request("eve", quantity=60, area_code="303", fictional=True)
    failing = installation.request("eve", quantity=60, area_code="303", fictional=True)
    installation.produce(json.dumps(first).encode())
    ending = installation.ending(failing)
    assert ending["type"] == "task_failed"
    assert ending["error"]["code"] == "capacity_exhausted"
    assert ending["error"]["details"] == {
        "requested": 60,
        "delivered": 40,
        "missing": 20,
        "area_codes": {"303": 40},
    }
    numbers = installation.rows(
        "SELECT number FROM phone_numbers WHERE user_id = 'eve' AND area_code = '303' ORDER BY number"
    )
    assert [number for (number,) in numbers] == [f"+13035550{line}" for line in range(100, 200)]
    partial = installation.request("eve", quantity=10, area_codes=["303"], fictional=True, on_shortfall="partial")
    ending = installation.ending(partial)
    assert (ending["type"], ending["result_data"]["total_generated"]) == ("task_completed", 0)


@pytest.mark.usefixtures("worker")
def test_validation_while_generating_leaves_a_verdict_with_each_number(installation: Installation) -> None:
    """auto_validate: valid for numbers of assigned blocks, fictional for those set aside for fiction."""
    real = installation.request("fay", quantity=150, area_code="406", auto_validate=True)
    fiction = installation.request("fay", quantity=50, area_code="406", auto_validate=True, fictional=True)
    plain = installation.request("fay", quantity=20, area_code="406")
    for body in (real, fiction, plain):
        assert installation.ending(body)["type"] == "task_completed"
    verdicts = installation.rows(
        "SELECT is_valid, validation_reason, validation_source, count(*) FROM phone_numbers "
        "WHERE user_id = 'fay' GROUP BY 1, 2, 3 ORDER BY 4 DESC"
    )
    assert verdicts == [
        (True, "valid", "internal", 150),
        (False, "fictional", "internal", 50),
        (None, None, None, 20),
    ]


@pytest.mark.usefixtures("worker")
def test_a_request_in_avro_is_the_same_as_in_json(installation: Installation) -> None:
    """Single-object encoding, produced by a third-party client; the answer comes all the same."""
    body = installation.request("gus", quantity=300, area_code="505")
    fields = {name: value for name, value in body.items() if name != "type"}
    schema = codec.schema_files()["GenerateRequest"][-1]
    value = io.BytesIO()
    value.write(codec.MARKER + codec.schema_fingerprint(schema))
    fastavro.schemaless_writer(value, schema, fields)
    installation.produce(value.getvalue())
    # the same request as JSON is the same task, so it ends once, whichever came first
    again = installation.request("gus", quantity=1, area_code="505")
    assert installation.ending(again)["type"] == "task_completed"
    task = task_id("gus", body["request_id"])
    assert installation.rows(ROWS_OF_TASK, task) == [(300, 300)]


@pytest.mark.usefixtures("worker")
def test_kcat_can_ask_for_numbers(installation: Installation) -> None:
    """The command-line client that people have."""
    body = installation.request("hal", quantity=100, area_code="605")
    subprocess.run(
        ["kcat", "-P", "-b", installation.settings.kafka_bootstrap_servers, "-t", "end-to-end.requests"],
        input=json.dumps(body).encode(),
        check=True,
        timeout=30,
    )
    again = installation.request("hal", quantity=1, area_code="605")
    assert installation.ending(again)["type"] == "task_completed"
    assert installation.rows(ROWS_OF_TASK, task_id("hal", body["request_id"])) == [(100, 100)]


@pytest.mark.usefixtures("worker")
def test_the_same_request_twice_is_one_task(installation: Installation) -> None:
    """A second message of the same request changes nothing; one with another body is refused, and said so."""
    body = installation.request("ivy", quantity=200, area_code="701")
    assert installation.ending(body)["type"] == "task_completed"
    installation.produce(json.dumps(body).encode())
    other = installation.ending(body | {"quantity": 300})
    assert (other["type"], other["code"], other["request_id"]) == ("error", "request_id_reused", body["request_id"])
    task = task_id("ivy", body["request_id"])
    assert installation.rows(ROWS_OF_TASK, task) == [(200, 200)]
    wait_until(lambda: row_of(installation, task) == ("completed", 200, 200, None), 10, "row of the task")


@pytest.mark.usefixtures("worker")
def test_a_cancelled_task_ends_with_the_exact_count(installation: Installation) -> None:
    """Cancelled while a million runs: what was delivered stays, counted exactly; a second cancel says so."""
    body = installation.request("joy", quantity=1_000_000, batch_size=500)
    task = task_id("joy", body["request_id"])
    installation.produce(json.dumps(body).encode())
    cancel = {"type": "cancel", "user_id": "joy", "task_id": task}
    ending = installation.ending(cancel | {"request_id": "c1"})
    assert ending["type"] == "task_cancelled"
    delivered = ending["result_data"]["total_generated"]
    assert 0 <= delivered < 1_000_000
    assert installation.rows(ROWS_OF_TASK, task) == [(delivered, delivered)]
    again = installation.ending(cancel | {"request_id": "c2"})
    assert (again["type"], again["code"]) == ("error", "task_ended")


def test_nothing_of_all_this_was_given_out_twice_or_lost(installation: Installation, worker: Process) -> None:
    """After the tests above: no conflict with the second lock, and no dead letter without a refusal."""
    assert worker.metric("numberline_ledger_conflicts_total") == 0
    headers = [dict(record.headers() or ()) for record in installation.records("deadletters")]
    stages = {one["__streams.errors.stage"] for one in headers if "__streams.errors.settled" not in one}
    assert stages <= {b"intake"}
    assert installation.rows(
        "SELECT count(*) FROM batches b WHERE count <> "
        "(SELECT count(*) FROM numbers n WHERE n.batch_id = b.batch_id)"
    ) == [(0,)]
