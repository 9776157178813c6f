"""A record as steps read it: its event and its headers."""

import pytest

from pipeline.errors import Unreadable
from schemas import codec, events
from tests.agents.sending import record


def test_a_value_that_is_no_event_of_its_topic_is_unreadable() -> None:
    """Bytes, no value, and an event of another topic."""
    cancel = events.CancelRequested("task", "ann", "r1")
    assert record(value=codec.encode(cancel)).event(events.CancelRequested) == cancel
    for value in (b"{}", None, b""):
        with pytest.raises(Unreadable, match="C3 01"):
            record(value=value).event(events.CancelRequested)
    with pytest.raises(Unreadable) as failed:
        record(value=codec.encode(cancel)).event(events.NumbersEnriched)
    assert str(failed.value) == "CancelRequested does not belong on test.numbers"


def test_the_last_header_of_a_name_counts() -> None:
    """As Kafka's clients read them."""
    headers = (("task", b"1"), ("user", b"ann"), ("task", b"2"))
    assert record(headers=headers).header("task") == b"2"
    assert record(headers=headers).header("batch") is None
