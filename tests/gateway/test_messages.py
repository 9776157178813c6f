"""What the server sends, field by field."""

import json
from typing import Any

import pytest

from gateway import messages
from gateway.positions import Position
from pipeline.views import task_view
from schemas.events import RequestRejected, TaskProgress
from tests.gateway.events import OTHER_TASK, ended, progressed, rejected, started
from tests.samples import CREATED, TASK

AT = Position(3, 17, 0xCAFE)
HEAD = {"task_id": TASK, "task_name": "spring", "request_id": "r-1", "position": "3-17-0000cafe"}
RESULT = {"total_generated": 1000, "area_codes": {"415": 1000}, "batches_processed": 1, "prefix_data_version": 7}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            started(),
            {"type": "task_started", "timestamp": "2026-01-01T00:00:00.005Z", "task": task_view(started())},
        ),
        (
            progressed(2),
            {
                "type": "task_progress",
                "timestamp": "2026-01-01T00:00:01.000Z",
                "status": "running",
                "progress": 33.33,
                "current_step": "generating",
                "processed_items": 1000,
                "total_items": 3000,
                "estimated_completion": "2026-01-01T00:00:03.000Z",
            },
        ),
        (
            ended(5, "completed"),
            {
                "type": "task_completed",
                "timestamp": "2026-01-01T00:00:03.000Z",
                "result_data": {
                    "total_generated": 3000,
                    "area_codes": {"415": 3000},
                    "batches_processed": 3,
                    "prefix_data_version": 7,
                },
            },
        ),
        (
            ended(5, "failed"),
            {
                "type": "task_failed",
                "timestamp": "2026-01-01T00:00:03.000Z",
                "error_message": "no more",
                "error": {"code": "capacity_exhausted", "message": "no more", "details": {"missing": 2000}},
            },
        ),
        (
            ended(5, "cancelled"),
            {
                "type": "task_cancelled",
                "timestamp": "2026-01-01T00:00:03.000Z",
                "processed_items": 1000,
                "total_items": 3000,
                "result_data": RESULT,
            },
        ),
    ],
)
def test_a_task_message_has_exactly_the_fields_of_the_contract(
    event: TaskProgress, expected: dict[str, Any]
) -> None:
    message = messages.task_message(event, AT)
    assert message.type == expected["type"]
    assert json.loads(message.text) == {**HEAD, **expected}


def test_only_a_task_progress_may_be_replaced() -> None:
    assert messages.task_message(progressed(2), AT).replaceable
    for event in (started(), *(ended(5, status) for status in ("completed", "failed", "cancelled"))):
        assert messages.task_message(event, AT).replaceable is False
    assert messages.rejected_message(rejected(), AT).replaceable is False


def test_a_rejected_request_is_an_error_with_its_details_decoded() -> None:
    event: RequestRejected = rejected()
    assert json.loads(messages.rejected_message(event, AT).text) == {
        "type": "error",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "code": "unknown_task",
        "message": "you have no such task",
        "request_id": "c-1",
        "task_id": OTHER_TASK,
        "details": {"a": 1},
        "position": "3-17-0000cafe",
    }


def test_an_answer_that_is_an_error_has_the_same_fields_without_a_position() -> None:
    assert json.loads(messages.error_message(CREATED, "unknown_task", "none such", TASK).text) == {
        "type": "error",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "code": "unknown_task",
        "message": "none such",
        "request_id": None,
        "task_id": TASK,
        "details": {},
    }
