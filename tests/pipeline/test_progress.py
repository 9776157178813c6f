"""What users hear of a task, message by message."""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.coordinate import decide
from pipeline.progress import PERIOD_MS
from pipeline.task import Task
from schemas.events import GenerationResult, TaskError, TaskEvent, TaskProgress
from tests.pipeline.data import CANCEL, REFUSED, SUBMITTED, failed, stored, submitted
from tests.samples import RUNNING

STARTED = replace(
    RUNNING,
    task_id="task",
    request_id="first",
    project_id="project",
    task_name="name",
    quantity=1000,
    batches_total=4,
    created_at=900,
    started_at=1000,
    updated_at=1000,
)


def heard(*events: TaskEvent, start: int = 1000, each: int = 100) -> list[TaskProgress]:
    """All progress messages of a task whose events come every 100 ms."""
    task, messages = Task(), []
    for i, event in enumerate(events):
        decision = decide(task, event, start + i * each)
        task = decision.after or task
        if isinstance(decision.progress, TaskProgress):
            messages.append(decision.progress)
    return messages


def after(message: TaskProgress, **changed: Any) -> TaskProgress:
    """The next message: one sequence and 100 ms later."""
    later = {"sequence": message.sequence + 1, "event": "progress", "updated_at": message.updated_at + 100}
    return replace(message, **{**later, **changed})


def test_every_message_of_a_tasks_life() -> None:
    """Started, progress with an estimate, supplementing, completed."""
    messages = heard(
        SUBMITTED, stored(0), stored(1, 200), stored(2), stored(3, 100, 100), stored(4, 100, 100, "212")
    )
    first = STARTED
    second = after(first, processed_items=300, succeeded=300, batches_done=1, estimated_completion=1333)
    third = after(second, processed_items=500, succeeded=500, batches_done=2, estimated_completion=1400)
    fourth = after(third, processed_items=800, succeeded=800, batches_done=3, estimated_completion=1375)
    fifth = after(
        fourth,
        processed_items=900,
        succeeded=900,
        batches_done=4,
        batches_total=5,
        current_step="supplementing",
        estimated_completion=1444,
    )
    sixth = after(
        fifth,
        event="completed",
        status="completed",
        processed_items=1000,
        succeeded=1000,
        batches_done=5,
        current_step="done",
        completed_at=1500,
        estimated_completion=None,
        result=GenerationResult(1000, {"212": 100, "415": 900}, 5, 7),
    )
    assert messages == [first, second, third, fourth, fifth, sixth]


def test_an_end_beyond_all_dates_is_no_estimate() -> None:
    """Of a task of which one number in a thousand came, after years without workers: no row could hold it."""
    *_, last = heard(SUBMITTED, stored(0, 1), start=1_700_000_000_000, each=300_000_000_000)
    assert (last.processed_items, last.estimated_completion) == (1, None)


def test_a_shortfall_tells_the_exact_figures() -> None:
    """As an error, with what was delivered where."""
    batches = [stored(0), stored(1, 0), stored(2, 0), stored(3, 0, 100), stored(4, 0, 300, "212")]
    last = heard(SUBMITTED, *batches)[-1]
    assert (last.event, last.status, last.succeeded, last.failed_items) == ("failed", "failed", 300, 700)
    assert last.result == GenerationResult(300, {"415": 300}, 5, 7)
    assert last.error is not None
    assert (last.error.code, last.error.message) == (
        "capacity_exhausted",
        "300 of 1000 numbers delivered: no area code of the request has more",
    )
    assert json.loads(last.error.details) == {
        "requested": 1000,
        "delivered": 300,
        "missing": 700,
        "area_codes": {"415": 300},
    }
    last = heard(submitted(on_shortfall="partial"), *batches)[-1]
    assert (last.event, last.status, last.error) == ("completed", "completed", None)
    assert (last.succeeded, last.failed_items) == (300, 700)


def test_a_cancelled_task_closes_and_then_ends() -> None:
    """batches_total is what was sent; no estimate any more."""
    closing, last = heard(SUBMITTED, stored(0), CANCEL, stored(1), stored(2))[2::2]
    assert (closing.event, closing.status, closing.current_step) == ("progress", "running", "closing")
    assert (closing.batches_done, closing.batches_total, closing.estimated_completion) == (1, 3, None)
    assert (last.event, last.status, last.current_step, last.error) == ("cancelled", "cancelled", "done", None)
    assert (last.succeeded, last.failed_items, last.batches_done, last.completed_at) == (900, 100, 3, 1400)


def test_a_failed_batch_is_the_error_of_its_task() -> None:
    """With its code, its number and the figures, once the task has ended."""
    closing, last = heard(SUBMITTED, failed(1, "ledger_conflict"), stored(0))[1:]
    assert (closing.status, closing.current_step, closing.error) == ("running", "closing", None)
    assert last.error == TaskError(
        "ledger_conflict",
        "batch 1 is lost",
        '{"requested": 1000, "delivered": 300, "missing": 700, "batch": 1}',
    )
    assert last.status == "failed"


def test_a_refusal_is_a_failed_task_with_every_broken_field() -> None:
    """It has no figures; the details of the refusal are kept."""
    (message,) = heard(REFUSED)
    assert (message.event, message.status, message.current_step) == ("failed", "failed", "refused")
    assert (message.quantity, message.batches_total, message.result, message.started_at) == (0, 0, None, None)
    assert (message.processed_items, message.succeeded, message.failed_items, message.batches_done) == (0, 0, 0, 0)
    assert (message.created_at, message.updated_at, message.completed_at) == (800, 1000, 1000)
    assert message.error is not None
    assert (message.error.code, message.error.message) == ("invalid_request", "quantity: must be a whole number")
    assert json.loads(message.error.details) == {
        "errors": [{"field": "quantity", "message": "must be a whole number"}],
        "exist": 3,
    }


def test_the_sequence_is_the_number_of_facts() -> None:
    """A repeated event makes none; refusals and an early cancel count."""
    events: list[TaskEvent] = [CANCEL, CANCEL, REFUSED, REFUSED, SUBMITTED]
    assert [message.sequence for message in heard(*events)] == [2, 3]
    messages = heard(SUBMITTED, SUBMITTED, stored(0), stored(0), CANCEL, stored(1), failed(2), stored(3))
    assert [message.sequence for message in messages] == [1, 2, 3, 4, 5]


def test_a_stored_batch_is_heard_of_once_a_period() -> None:
    """The first of each, by the latest record so far; the beginning and the end whenever they come."""
    events: list[TaskEvent] = [SUBMITTED, stored(0), stored(1), stored(2), stored(3, 100, 100)]
    assert [message.sequence for message in heard(*events, each=PERIOD_MS // 2)] == [1, 3, 5]


@pytest.mark.parametrize("shift", [0, 1, 10**12])
def test_times_are_functions_of_record_times(shift: int) -> None:
    """Nothing reads a clock: with all records shifted, all times but that of the request are shifted."""
    events: list[TaskEvent] = [SUBMITTED, stored(0), CANCEL, stored(1), stored(2)]
    for message, shifted in zip(heard(*events), heard(*events, start=1000 + shift), strict=True):

        def later(time: int | None) -> int | None:
            return None if time is None else time + shift

        assert shifted == replace(
            message,
            started_at=later(message.started_at),
            updated_at=message.updated_at + shift,
            completed_at=later(message.completed_at),
            estimated_completion=later(message.estimated_completion),
        )
