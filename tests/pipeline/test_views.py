"""A task as users see it."""

from dataclasses import replace

import pytest

from pipeline.views import percentage, rfc3339, task_view
from schemas.events import GenerationResult, TaskError
from tests.samples import RUNNING

HALF_WAY = replace(
    RUNNING,
    sequence=4,
    event="progress",
    project_id=None,
    processed_items=1000,
    succeeded=1000,
    batches_done=1,
    updated_at=1_767_225_601_000,
    estimated_completion=1_767_225_603_250,
)


def test_a_running_task_has_every_field_of_the_contract() -> None:
    assert task_view(HALF_WAY) == {
        "task_id": "0f6b2a4e-0000-5000-8000-000000000001",
        "request_id": "r-1",
        "user_id": "ann",
        "project_id": None,
        "task_name": "spring",
        "type": "generate",
        "status": "running",
        "quantity": 3000,
        "processed_items": 1000,
        "succeeded": 1000,
        "failed_items": 0,
        "progress": 33.33,
        "batches_done": 1,
        "batches_total": 3,
        "current_step": "generating",
        "created_at": "2026-01-01T00:00:00.000Z",
        "started_at": "2026-01-01T00:00:00.005Z",
        "completed_at": None,
        "estimated_completion": "2026-01-01T00:00:03.250Z",
        "result_data": None,
        "error": None,
    }


def test_an_ended_task_has_its_result_and_its_error_with_details_decoded() -> None:
    failed = replace(
        HALF_WAY,
        status="failed",
        completed_at=1_767_225_601_000,
        result=GenerationResult(1000, {"415": 1000}, 1, 7),
        error=TaskError("capacity_exhausted", "no more", '{"missing": 2000}'),
    )
    view = task_view(failed)
    assert view["completed_at"] == "2026-01-01T00:00:01.000Z"
    assert view["result_data"] == {
        "total_generated": 1000,
        "area_codes": {"415": 1000},
        "batches_processed": 1,
        "prefix_data_version": 7,
    }
    assert view["error"] == {"code": "capacity_exhausted", "message": "no more", "details": {"missing": 2000}}


@pytest.mark.parametrize(
    ("processed", "quantity", "shown"),
    [(0, 3, 0), (1, 3, 33.33), (2, 3, 66.66), (999_999, 1_000_000, 99.99), (3, 3, 100), (0, 0, 0)],
)
def test_progress_is_100_only_when_all_is_there(processed: int, quantity: int, shown: float) -> None:
    assert percentage(replace(HALF_WAY, processed_items=processed, quantity=quantity)) == shown


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_001, "2023-11-14T22:13:20.001Z"),
        (1_700_000_000_999, "2023-11-14T22:13:20.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_has_exactly_three_decimals_and_z(milliseconds: int, text: str) -> None:
    assert rfc3339(milliseconds) == text
