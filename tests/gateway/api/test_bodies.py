"""The body of a call, as far as it comes."""

import pytest
from fastapi import Request
from starlette.types import Message

from gateway.api.bodies import fields_of
from gateway.api.problems import Problem


async def test_a_client_that_goes_in_the_middle_of_its_body_is_no_defect() -> None:
    """Else every one would be an error with a stack trace in the log, and count as a 500."""
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"quantity"', "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    request = Request({"type": "http", "headers": [(b"content-type", b"application/json")]}, receive)
    with pytest.raises(Problem) as caught:
        await fields_of(request)
    assert (caught.value.status, caught.value.code) == (400, "unreadable_request")
    assert caught.value.detail == "the client went before its body had come"
