"""Dead letters as values: what is written of a record, what is read again, what may be sent again."""

import json
from dataclasses import replace

import pytest

from gateway.lag import PROJECTED, STEPS
from pipeline.acls import OF_OPERATORS
from pipeline.dead_letters import (
    BATCH_TOPICS,
    MOST_TEXT,
    Headers,
    Letter,
    Limit,
    Origin,
    batch_failed,
    letter_headers,
    read_letter,
    settled_headers,
)
from pipeline.errors import BatchImpossible, StepFailed, Unreadable
from schemas import codec, events, topics
from schemas.identity import record_task_id, task_id

TASK = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"
BATCH: Headers = (("user", b"ann"), ("task", TASK.encode()), ("batch", b"7"))
REQUEST = {"type": "generate", "request_id": "r1", "user_id": "ann", "quantity": 5}


def letter(
    topic: str = "requests",
    value: bytes | None = b"{}",
    headers: Headers = (),
    error: Exception | None = None,
) -> Letter:
    """A letter as it comes back from the topic."""
    why = letter_headers(error or StepFailed("x"), "trace", "step", (f"line.{topic}", 3, 42), 1_700_000_000_123)
    read = read_letter("line", b"key", value, headers + why)
    assert isinstance(read, Letter)
    return read


def test_a_letter_is_read_as_it_was_written() -> None:
    """Key, value and the record's own headers, null ones and those of one name too; origin, time and cause."""
    own: Headers = (("a", b"1"), ("a", b"2"), ("none", None), ("__streams.errors.offset", b"their own"))
    assert letter(value=None, headers=own, error=BatchImpossible("prefix_version_gone", "gone")) == Letter(
        origin=Origin("requests", 3, 42),
        timestamp=1_700_000_000_123,
        stage="step",
        reason="prefix_version_gone",
        exception="BatchImpossible",
        message="prefix_version_gone: gone",
        stacktrace="trace",
        key=b"key",
        value=None,
        headers=own,
    )


def test_what_became_of_a_letter_is_read_by_its_origin() -> None:
    """A note has no exception."""
    assert read_letter("line", b"k", None, settled_headers(("line.numbers", 1, 2), "discarded")) == (
        Origin("numbers", 1, 2),
        "discarded",
    )


def test_a_record_cannot_settle_another_letter_by_its_own_headers() -> None:
    """Whoever sends a request with the headers of a note gets a letter."""
    hostile = settled_headers(("line.requests", 0, 1), "discarded")
    assert letter(headers=hostile).origin == Origin("requests", 3, 42)
    assert letter(headers=hostile).headers == hostile


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("__streams.errors.exception", b"x"),),
        settled_headers(("line.requests", 0, 1), "discarded")[:3],
        (*settled_headers(("line.requests", 0, 1), "discarded")[:3], ("__streams.errors.settled", b"eaten")),
    ],
)
def test_a_record_that_is_neither_letter_nor_note_is_nothing(headers: Headers) -> None:
    """Nobody of ours wrote it."""
    assert read_letter("line", b"k", b"v", headers) is None


def test_long_texts_are_cut() -> None:
    """A message may quote the value; a letter must fit into its topic, and a task's error into its row."""
    long = letter(error=StepFailed("é" * 20_000_000))
    assert long.message == "é" * MOST_TEXT
    told = batch_failed("numbers", BATCH, StepFailed("x" * 20_000))
    assert told == events.BatchFailed(TASK, "ann", 7, "dead_letter", "x" * MOST_TEXT)


@pytest.mark.parametrize(("number", "told"), [(-1, False), (0, True), (2**31 - 1, True), (2**31, False)])
def test_a_batch_is_told_by_any_number_that_it_may_have(number: int, told: bool) -> None:
    """From the first one, 0, to the last that Avro's int takes; no header of ours has another."""
    headers = (*BATCH[:2], ("batch", str(number).encode()))
    assert (batch_failed("numbers", headers, StepFailed("x")) is not None) is told


@pytest.mark.parametrize(
    ("found", "task"),
    [
        (letter(value=json.dumps(REQUEST).encode()), task_id("ann", "r1")),
        (letter(value=json.dumps(REQUEST | {"quantity": 0}).encode()), task_id("ann", "r1")),
        (
            letter(
                value=json.dumps({"type": "cancel", "request_id": "c", "user_id": "ann", "task_id": TASK}).encode()
            ),
            TASK,
        ),
        (letter(value=b'{"user_id": "ann"}'), record_task_id("requests", 3, 42)),
        (letter(value=b"{"), None),
        (letter("numbers", headers=BATCH), TASK),
        (letter("task-events", codec.encode(events.CancelRequested(TASK, "ann", "c"))), TASK),
        (letter("task-events", b"\x00"), None),
    ],
)
def test_the_task_of_a_letter(found: Letter, task: str | None) -> None:
    """By the request's ids, by the headers of a batch, or by the event."""
    assert found.task == task


def test_a_batch_that_its_task_was_told_of_stays() -> None:
    """Its rows would be stored and not counted."""
    assert letter("numbers", headers=BATCH).why_kept() == (
        f"task {TASK} was told that its batch 7 failed, and ends without it: the rows would be stored and not "
        "counted. Submit what is missing as a new request"
    )
    assert letter("numbers").why_kept() is None
    assert letter("batches", headers=BATCH[:2]).why_kept() is None


def test_what_proved_nothing_is_sent_again_only_by_name() -> None:
    """An operator's signature would make good what was refused."""
    forged = replace(letter(), reason="NotAuthenticated")
    assert forged.why_kept() == (
        "nobody has proved who sent it; with --reason NotAuthenticated it is sent by your authority"
    )
    assert forged.why_kept(("NotAuthenticated",)) is None


def test_old_prefix_data_and_unknown_topics_stay() -> None:
    """A record of a compacted topic would take a newer one's place."""
    assert letter("prefixes").why_kept() == (
        "it could take the place of newer prefix data: import that again instead"
    )
    assert letter("deadletters").why_kept() == "deadletters is no topic of this version"


def test_every_topic_that_brings_batches_is_known_as_one() -> None:
    """Else a task would wait for a batch that was given up; what coordinate hears of a batch is none any more."""
    of_batches = {topic for topic in topics.TOPICS if any("batch" in kind.__slots__ for kind in topic.values)}
    assert of_batches - {topics.TASK_EVENTS} == set(BATCH_TOPICS)


def test_operators_may_write_what_may_be_sent_again() -> None:
    """By the access rules, too: every topic that a step or the projection reads, but for what stays."""
    sent_again = {topic for topic in (*STEPS, *PROJECTED) if letter(topic.name).why_kept() is None}
    assert sent_again <= set(OF_OPERATORS)


def test_the_limit_counts_what_came_within_its_time() -> None:
    """Three in ten seconds are not too many, the fourth is, and the first of them goes with time."""
    limit = Limit(3, 10)
    assert [limit.passed(at) for at in (0, 1, 2, 9.9, 11, 11.5)] == [False, False, False, True, False, True]
    assert not limit.passed(30)


def test_an_error_without_a_code_is_its_own_reason() -> None:
    """Kinds of errors, and codes where there are some."""
    assert letter(error=Unreadable("x")).reason == "Unreadable"
    assert letter(error=BatchImpossible("ledger_conflict", "x")).reason == "ledger_conflict"
