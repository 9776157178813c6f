"""A request's record as an event of its task, or as its refusal: what intake decides."""

import json
from typing import Any

import numpy as np
import pytest

from pipeline.intake import Named, read_request, refusal, request_type, submitted, with_quota
from pipeline.validation import Held
from schemas import events
from schemas.identity import record_task_id, task_id
from schemas.parse import RequestInvalid
from tests.pipeline.data import CAPACITY, CATALOGUE

HELD_TASK = "0f6b2a4e-0000-5000-8000-000000000001"
GENERATE: dict[str, Any] = {"type": "generate", "request_id": "r-1", "user_id": "ann", "quantity": 100}
VALIDATE: dict[str, Any] = {"type": "validate", "request_id": "r-2", "user_id": "ann", "task_id": HELD_TASK}
CANCEL: dict[str, Any] = {"type": "cancel", "request_id": "r-3", "user_id": "ann", "task_id": HELD_TASK}
NAMED = Named(Held(np.array([7], np.int32), np.array([100], np.int32)), 5, None)


def record_of(fields: dict[str, Any]) -> events.RequestRecord:
    """A request as JSON, as it was read."""
    return events.RequestRecord("requests", 3, 14, 1_700_000_000_000, b"key", json.dumps(fields).encode(), ())


def taken(fields: dict[str, Any], caller: str | None = None) -> events.Submission | events.CancelRequested:
    """What a request becomes."""
    record = record_of(fields)
    return submitted(record, read_request(record, CATALOGUE, caller), CAPACITY, 8, False, NAMED)


@pytest.mark.parametrize(
    ("fields", "kind", "type_"),
    [
        (GENERATE, events.TaskSubmitted, "generate"),
        (VALIDATE, events.ValidationSubmitted, "validate"),
        (CANCEL, events.CancelRequested, "cancel"),
    ],
)
def test_each_request_is_one_event(fields: dict[str, Any], kind: type[Any], type_: str) -> None:
    """Of the task that its user and its id make, or that it names."""
    event = taken(fields, "ann")
    assert type(event) is kind
    assert request_type(event) == type_
    assert event.task_id == (HELD_TASK if type_ == "cancel" else task_id("ann", fields["request_id"]))


def test_what_a_validation_depends_on_is_pinned_in_its_plan() -> None:
    """The version of the prefix data, the stored batches, and the last change of what is suppressed."""
    event = taken(VALIDATE)
    assert isinstance(event, events.ValidationSubmitted)
    plan = event.plan
    assert (plan.prefix_version, plan.window, plan.suppressions, plan.quantity) == (7, 8, 5, 100)
    assert np.frombuffer(plan.batch_ids, "<i4").tolist() == [7]


def test_a_token_is_good_for_its_own_user_alone() -> None:
    """Whoever asks for another is refused as who is asked for."""
    with pytest.raises(RequestInvalid) as refused:
        taken(GENERATE, "ben")
    assert str(refused.value) == "user_id: must be the user of the authorization header"
    assert (refused.value.code, refused.value.user_id) == ("not_authorized", "ann")


def test_broken_filters_are_named_beside_broken_fields() -> None:
    """All at once, though the one rule is the model's and the other the prefix data's."""
    with pytest.raises(RequestInvalid) as refused:
        taken({**GENERATE, "quantity": 0, "states": ["ZZ"]})
    assert [error.field for error in refused.value.errors] == ["quantity", "states"]


def test_coordinate_gets_the_record_of_what_it_may_yet_refuse() -> None:
    """Where the user has a quota, or the request names a task; else nothing is carried along."""
    quota = events.Quota(1000, None)
    generation, validation = taken(GENERATE), taken(VALIDATE)
    assert not isinstance(generation, events.CancelRequested)
    assert not isinstance(validation, events.CancelRequested)
    record = record_of(GENERATE)
    assert with_quota(record, generation, None) is generation
    limited = with_quota(record, generation, quota)
    assert (limited.quota, limited.record) == (quota, record)
    assert with_quota(record, validation, None).record == record


def test_a_refusal_is_told_to_the_user_who_can_be_read() -> None:
    """Under the task of its id, or of its place where it has none."""
    record = record_of({**GENERATE, "quantity": 0})
    nobody = RequestInvalid(
        (events.FieldError("request", "is empty"),), "unreadable_request", "unknown", None, None
    )
    assert refusal(record, nobody) is None
    for request_id, task in ((None, record_task_id("requests", 3, 14)), ("r-1", task_id("ann", "r-1"))):
        error = events.FieldError("quantity", "must be a whole number")
        refused = refusal(record, RequestInvalid((error,), "invalid_request", "generate", "ann", request_id))
        assert refused is not None
        assert (refused.task_id, refused.message) == (task, "quantity: must be a whole number")
