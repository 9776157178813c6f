"""Identities that a producer can compute as well as we can (docs/contract.md)."""

import re
import uuid

IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")  # of a user, a request
IDENTIFIER_RULE = "must be 1 to 64 of A-Z a-z 0-9 . _ : -"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_OID, "numberline")


def task_id(user_id: str, request_id: str) -> str:
    """The id of the task that a request makes: the same message sent twice is one task."""
    return str(uuid.uuid5(uuid.uuid5(NAMESPACE, user_id), request_id))


def record_task_id(topic: str, partition: int, offset: int) -> str:
    """The id under which a request is refused that has no readable request_id: its place in the log.

    A request_id has no slash, so no task of a user can have the same id.
    """
    return str(uuid.uuid5(NAMESPACE, f"{topic}/{partition}/{offset}"))


def prefix_key(area_code: str, version: int) -> bytes:
    """Key of an area code's prefix data in one version, on the topic and in the table."""
    return f"{area_code}|{version}".encode()
