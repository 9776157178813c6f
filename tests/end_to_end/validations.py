"""Validations as the tests here ask for them, and what came of them."""

import uuid
from typing import Any

from schemas.identity import task_id
from tests.fix_installation import Installation

RUN = (
    "SELECT position, given, number, duplicate_of, validation_reason FROM validations WHERE task_id = %s ORDER BY 1"
)
HELD = """
SELECT is_valid, validation_reason, validation_source, prefix_data_version, carrier, count(*)
FROM phone_numbers WHERE task_id = %s GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC
"""


def validation(user: str, **fields: Any) -> dict[str, Any]:
    """The body of a validation, with a request_id of its own."""
    return {"type": "validate", "request_id": uuid.uuid4().hex, "user_id": user, **fields}


def generated(installation: Installation, user: str, **fields: Any) -> str:
    """The id of a generation that has completed."""
    body = installation.request(user, **fields)
    assert installation.ending(body)["type"] == "task_completed"
    return task_id(user, body["request_id"])


def result(installation: Installation, body: dict[str, Any]) -> dict[str, Any]:
    """What a validation found."""
    ending = installation.ending(body)
    assert ending["type"] == "task_completed", ending
    found: dict[str, Any] = ending["result_data"]
    return found
