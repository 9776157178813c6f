"""Requests of type validate that are refused: by what they say, and by whose and which task they name."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.identity import task_id
from tests.end_to_end.validations import generated, result, validation
from tests.fix_installation import Installation
from tests.processes import Process, wait_until


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("refusals") as process:
        yield process


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
