"""Plans of validations, their batches, and the state of such a task."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.coordinate import decide, fact_name, refused_while_running
from pipeline.judge import Answer, given_numbers, judge_held, judged_numbers, numbers_judged
from pipeline.notation import NOT_A_NUMBER
from pipeline.progress import validation_of
from pipeline.suppress import SuppressedNumbers
from pipeline.task import Task
from pipeline.validation import (
    EXTERNAL_BATCH,
    Held,
    Part,
    Terms,
    parts,
    plan_validation,
    planned_validation,
    without_numbers,
)
from pipeline.verdicts import CODE, Blocks, Verdicts
from schemas.events import (
    BatchFailed,
    BatchJudged,
    CancelRequested,
    TaskProgress,
    ValidationPlanned,
    ValidationSubmitted,
)
from schemas.parse import RequestInvalid
from schemas.requests import ValidateRequest
from tests.pipeline.data import AREA_CODES, SUBMITTED, stored

AT = 5_000
TERMS = Terms(prefix_version=7, window=2, lookups=None)
TASK_ID = "67c37db2-5f46-5504-a1ae-9fe9d23fa812"


def request(**fields: Any) -> ValidateRequest:
    """A validation by ann."""
    return ValidateRequest.model_validate({"request_id": "r", "user_id": "ann", **fields})


def held(*counts: int) -> Held:
    """Stored batches 10, 20, ... with so many numbers."""
    return Held(np.arange(10, 10 * len(counts) + 1, 10, dtype=np.int32), np.array(counts, np.int32))


def submitted(wanted: ValidateRequest, found: Held | None = None, terms: Terms = TERMS) -> ValidationSubmitted:
    """What intake makes of it."""
    plan = plan_validation(wanted, terms, found)
    return ValidationSubmitted("task", "ann", "r", wanted.project_id, None, b"hash", 900, plan)


def judged(batch: int, count: int, errors: int = 0) -> BatchJudged:
    """A batch of which all but the errors are valid."""
    return BatchJudged("task", "ann", batch, count, errors, {"valid": count - errors}, {})


def test_verdicts_and_lookups_of_batches_add_up() -> None:
    """Those too that not every batch has."""
    first = BatchJudged("task", "ann", 0, 3, 0, {"valid": 2, "not_nanp": 1}, {"answered": 1})
    second = BatchJudged("task", "ann", 1, 2, 0, {"valid": 1, "too_long": 1}, {"answered": 2, "timeout": 1})
    task = Task().with_fact(first, AT, 0).with_fact(second, AT, 0)
    assert task.verdicts == {"not_nanp": 1, "too_long": 1, "valid": 3}
    assert task.lookups == {"answered": 3, "timeout": 1}


def test_nothing_of_a_list_may_be_valid() -> None:
    """Then none is counted so."""
    planned = Task().with_fact(submitted(request(numbers=["1", "2"])), AT, 0)
    result = validation_of(planned.with_fact(BatchJudged("task", "ann", 0, 2, 0, {"not_nanp": 2}, {}), AT, 1))
    assert (result.validated_count, result.valid_count) == (2, 0)


def test_a_list_is_cut_in_order() -> None:
    """Each batch with its own numbers, texts and place."""
    source = submitted(request(numbers=[f"+1415200{i:04}" for i in range(250)], batch_size=100))
    assert parts(source.plan) == (Part(0, 100), Part(100, 100), Part(200, 50))
    last = planned_validation(source, 2)
    assert (last.position, last.size, last.given[0]) == (200, 50, "+14152000200")
    assert given_numbers(last).tolist() == list(range(4152000200, 4152000250))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.sampled_from([10, 100]), st.booleans())
def test_held_batches_are_judged_once_each(counts: list[int], size: int, external: bool) -> None:
    """Whole ones together up to the batch size; parts of one where a provider is asked. No gap, no overlap."""
    plan = submitted(request(project_id="p"), held(*counts)).plan
    found = parts(replace(plan, batch_size=size, source="external" if external else "internal"))
    at = 0
    covered: list[tuple[int, int]] = []
    for part in found:
        assert part.position == at
        at += part.size
        if external:
            assert part.last == part.first + 1
            assert part.size <= size
            covered += [(part.first, n) for n in range(part.offset, part.offset + part.size)]
        else:
            assert part.size == sum(counts[part.first : part.last])
            assert part.size <= size or part.last == part.first + 1
            covered += [(i, n) for i in range(part.first, part.last) for n in range(counts[i])]
    assert covered == [(i, n) for i, count in enumerate(counts) for n in range(count)]


def test_a_batch_of_held_numbers_names_its_stored_batches() -> None:
    """By their ids in PostgreSQL, pinned in the plan."""
    source = submitted(request(task_id=TASK_ID, batch_size=100), held(60, 40, 100))
    assert [np.frombuffer(planned_validation(source, n).batch_ids, "<i4").tolist() for n in range(2)] == [
        [10, 20],
        [30],
    ]
    assert source.plan.held_task == TASK_ID
    assert source.plan.quantity == 200


def test_a_provider_is_asked_in_small_batches_for_as_many_numbers_as_a_task_may() -> None:
    """The first ones of the task, whatever the order in which batches come."""
    terms = replace(TERMS, window=8, lookups=15)
    source = submitted(request(numbers=["4152000000"] * 250, source="external"), terms=terms)
    assert (source.plan.batch_size, source.plan.window) == (EXTERNAL_BATCH, 2)
    assert [planned_validation(source, n).lookups for n in range(3)] == [10, 5, 0]


@pytest.mark.parametrize(
    ("wanted", "found", "code", "text"),
    [
        ({"task_id": TASK_ID}, held(), "nothing_held", "task_id: you hold no numbers of this task"),
        ({"project_id": "p"}, held(), "nothing_held", "project_id: you hold no numbers of this project"),
        (
            {"numbers": ["1"], "source": "external"},
            None,
            "invalid_request",
            'source: must be "internal": this installation has no lookup provider (NUMBERLINE_LOOKUP_PROVIDER)',
        ),
        (
            {"project_id": "p"},
            Held(np.arange(200_001, dtype=np.int32), np.ones(200_001, np.int32)),
            "invalid_request",
            "project_id: has more than 200000 batches, which is the most that one request judges: "
            "name its tasks one by one",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(
    wanted: dict[str, Any], found: Held | None, code: str, text: str
) -> None:
    """With the field and the rule."""
    with pytest.raises(RequestInvalid) as caught:
        plan_validation(request(**wanted), TERMS, found)
    assert (caught.value.code, str(caught.value)) == (code, text)
    assert caught.value.type == "validate"


def test_a_validation_ends_when_each_number_has_its_verdict_or_is_an_error() -> None:
    """Sent by the window, counted absolutely; unknown ids are errors and fail nothing."""
    source = submitted(request(ids=[14152000000] * 500, batch_size=100))
    first = decide(Task(), source, AT)
    assert [batch.batch for batch in first.batches] == [0, 1]
    assert isinstance(first.progress, TaskProgress)
    assert (first.progress.type, first.progress.event, first.progress.current_step) == (
        "validate",
        "started",
        "validating",
    )
    task = first.after
    for batch in range(5):
        assert task is not None
        decision = decide(task, judged(batch, 100, errors=batch), AT)
        assert decide(task, judged(batch, 100, errors=batch), AT) == decision
        task = decision.after
    progress = decision.progress
    assert isinstance(progress, TaskProgress)
    assert (progress.status, progress.processed_items, progress.succeeded, progress.failed_items) == (
        "completed",
        500,
        490,
        10,
    )
    assert progress.result is None
    found = progress.validation
    assert found is not None
    assert (found.validated_count, found.valid_count, found.invalid_count, found.error_count) == (490, 490, 0, 10)
    assert task is not None
    assert decide(task, judged(4, 100, errors=4), AT).repeated


def test_a_cancelled_validation_waits_for_what_is_in_flight() -> None:
    """And then ends with the exact counts; a failed batch fails it likewise."""
    source = submitted(request(ids=[14152000000] * 500, batch_size=100))
    task = decide(Task(), source, AT).after
    assert task is not None
    closing = decide(task, CancelRequested("task", "ann", "c"), AT)
    assert closing.after is not None
    assert closing.batches == ()
    one = decide(closing.after, judged(0, 100), AT).after
    assert one is not None
    last = decide(one, judged(1, 100), AT).progress
    assert isinstance(last, TaskProgress)
    assert (last.status, last.processed_items, last.failed_items) == ("cancelled", 200, 300)
    failing = decide(one, BatchFailed("task", "ann", 1, "numbers_gone", "gone"), AT).progress
    assert isinstance(failing, TaskProgress)
    assert failing.error is not None
    assert (failing.status, failing.error.code) == ("failed", "numbers_gone")


def test_the_facts_have_the_names_of_a_generations() -> None:
    """The plan and one a batch, so that what reads facts reads both."""
    source = submitted(request(numbers=["1"]))
    assert [fact_name(source), fact_name(judged(3, 1))] == ["plan", "batch|000003"]
    assert without_numbers(source).plan.numbers == b""
    assert without_numbers(source).body_hash == source.body_hash


def test_a_task_is_judged_when_it_has_ended_and_is_whole() -> None:
    """While it runs the validation is refused, and stays so: on a replay the target may have gone on."""
    source = submitted(request(task_id=TASK_ID), held(300, 300))
    running = Task().with_fact(SUBMITTED, AT, 0)
    refused = refused_while_running(source, Task(), running, None)
    assert refused is not None
    assert (refused.code, refused.body_hash) == ("task_running", source.body_hash)
    assert refused.message == "task_id: is still running; ask again, with another request_id, when it has ended"
    progress = decide(running.with_fact(stored(0), AT, 2), stored(1), AT + 100).progress
    assert isinstance(progress, TaskProgress)
    ended = replace(progress, processed_items=600)
    assert refused_while_running(source, Task(), running, ended) is None
    assert refused_while_running(source, Task(), running, replace(ended, processed_items=700)) == refused
    assert refused_while_running(source, Task(), Task(), None) is None
    assert refused_while_running(source, Task().with_fact(refused, AT, 0), running, ended) == refused


def test_of_whole_batches_the_exceptions_are_written() -> None:
    """Each batch gets its most frequent verdict; the others, and whose holder changed, a row."""
    batch_ids = np.array([5, 5, 5, 9, 9], np.int32)
    numbers = np.array([11, 12, 13, 14, 15], np.int64)
    valid, gone = CODE["valid"], CODE["unassigned_block"]
    found = Verdicts(np.array([valid, gone, valid, gone, gone], np.uint8), np.array([1, -1, 2, -1, -1], np.int32))
    changed = np.array([False, True, True, False, True])
    result = judge_held(batch_ids, numbers, found, changed)
    assert list(zip(result.batch_ids, result.verdicts, strict=True)) == [(5, "valid"), (9, "unassigned_block")]
    assert list(zip(result.numbers, result.of_batch, result.reasons, result.prefix_ids, strict=True)) == [
        (12, 5, "unassigned_block", -1),
        (13, 5, "valid", 2),
        (15, 9, "unassigned_block", -1),
    ]
    assert result.counts == {"valid": 2, "unassigned_block": 3}


def test_an_answer_counts_unless_it_failed() -> None:
    """A failed lookup leaves the internal verdict and says so; what is no number is asked of nobody."""
    planned = ValidationPlanned("t", "u", 0, None, "list", "external", 7, 9, 40, 3, b"", ("a", "b\0", "c"), b"", 0)
    numbers = np.array([4152000000, 4152000001, NOT_A_NUMBER], np.int64)
    batch = numbers_judged(planned, numbers, Blocks.of(7, AREA_CODES.values()), SuppressedNumbers({}, {}))
    failed, mobile = Answer(error="timeout"), Answer(line_type="mobile", carrier="X", reason="unassigned_block")
    rows = judged_numbers(batch, {14152000000: failed, 14152000001: mobile})
    assert [(row.position, row.given, row.number) for row in rows] == [
        (40, "a", 14152000000),
        (41, "b\ufffd", 14152000001),
        (42, "c", None),
    ]
    assert [(row.reason, row.source, row.external) for row in rows] == [
        ("valid", "internal", failed),
        ("unassigned_block", "external", mobile),
        ("not_a_number", "internal", Answer()),
    ]
