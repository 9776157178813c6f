"""What a user has under way and has asked for today, and when the next task is too much."""

import json
from dataclasses import replace

from pipeline.quota import (
    DAY_MS,
    DAYS,
    Load,
    asked,
    delivered,
    expired,
    fact_key,
    fact_prefix,
    over_quota,
    refusal_hash,
)
from pipeline.task import Task
from pipeline.validation import Terms, plan_validation
from schemas.events import BatchJudged, FieldError, Quota, ValidationSubmitted
from schemas.requests import ValidateRequest
from tests.pipeline.data import SUBMITTED, stored

TODAY = 20_000 * DAY_MS
QUOTA = Quota(numbers_a_day=3000, tasks_at_once=2)
WANTED = replace(SUBMITTED, quota=QUOTA)  # 1000 numbers


def test_facts_of_a_user_are_found_by_day_and_apart_from_tasks() -> None:
    """No user id has a #, so no key of a task begins like one of these."""
    planned, ended = fact_key("ann", TODAY, "t"), fact_key("ann", TODAY, "t", ended=True)
    assert (planned, ended) == (b"#ann|020000|t", b"#ann|020000|t|end")
    assert planned.startswith(fact_prefix("ann"))
    assert not planned.startswith(fact_prefix("an"))
    assert not expired(planned, TODAY + (DAYS - 1) * DAY_MS)
    assert expired(ended, TODAY + DAYS * DAY_MS)


def test_a_load_out_of_its_facts_is_the_one_in_memory() -> None:
    """In any order; a task that has ended counts with what it delivered."""
    live = Load()
    live.add("a", TODAY, 500)
    live.add("b", TODAY, 700)
    live.end("a", TODAY, 400)
    live.add("c", TODAY - DAY_MS, 100)
    facts = [
        (fact_key("ann", TODAY, "a", ended=True), b"400"),
        (fact_key("ann", TODAY - DAY_MS, "c"), b"100"),
        (fact_key("ann", TODAY, "b"), b"700"),
        (fact_key("ann", TODAY, "a"), b"500"),
    ]
    assert Load.of_facts(facts) == Load.of_facts(reversed(facts)) == live
    assert (live.numbers_on(20_000), live.numbers_on(19_999), set(live.running)) == (1100, 100, {"b", "c"})


def test_a_task_that_fits_begins() -> None:
    """To the last number of the day and the last task at once; without a quota whatever comes."""
    load = Load()
    load.add("a", TODAY, 2000)
    assert over_quota(WANTED, load, TODAY) is None
    assert over_quota(replace(WANTED, quota=Quota(None, 2)), load, TODAY) is None
    for number in range(10):
        load.add(str(number), TODAY, 10**6)
    assert over_quota(SUBMITTED, load, TODAY) is None
    assert over_quota(replace(WANTED, quota=Quota(None, None)), load, TODAY) is None


def test_a_task_that_is_too_much_is_refused_with_the_figures() -> None:
    """Both bounds at once; the next day only what still runs counts, as a task."""
    load = Load()
    load.add("a", TODAY, 2001)
    load.add("b", TODAY - DAY_MS, 10**6)
    refused = over_quota(WANTED, load, TODAY)
    assert refused is not None
    assert refused.errors == (
        FieldError("quantity", "1000 numbers asked for, 999 of 3000 are left of this day (UTC)"),
        FieldError("user_id", "has 2 tasks running, and may have 2; ask again when one has ended"),
    )
    assert (refused.code, refused.task_id, refused.type) == ("quota_exceeded", "task", "generate")
    assert json.loads(refused.details) == {
        "numbers_a_day": 3000,
        "numbers_today": 2001,
        "tasks_at_once": 2,
        "tasks_running": 2,
        "requested": 1000,
    }
    load.end("a", TODAY, 2001)
    assert over_quota(WANTED, load, TODAY + DAY_MS) is None


def test_a_validation_takes_no_numbers_of_the_day() -> None:
    """A generation those that it asks for, and once it has ended those that it delivered. So a validation is not
    refused for numbers either, where a quota was lowered below what the day has seen."""
    wanted = ValidateRequest(request_id="r", user_id="ann", numbers=("+14155550123",))
    plan = plan_validation(wanted, Terms(prefix_version=7, window=2, lookups=None), None)
    validation = ValidationSubmitted("task", "ann", "r", None, None, b"hash", 900, plan, QUOTA)
    assert (asked(SUBMITTED), asked(validation)) == (1000, 0)
    generated = Task().with_fact(SUBMITTED, 1, 0).with_fact(stored(0, 250), 2, 2)
    judged = Task().with_fact(validation, 1, 0)
    judged = judged.with_fact(BatchJudged("task", "ann", 0, 1, 0, {"fictional": 1}, {}), 2, 1)
    assert (delivered(generated), judged.delivered, delivered(judged)) == (250, 1, 0)
    refused = over_quota(validation, Load({"other": (20_000, 1), "more": (20_000, 5000)}), TODAY)
    assert refused is not None
    assert (refused.type, [error.field for error in refused.errors]) == ("validate", ["user_id"])


def test_a_task_does_not_count_against_itself() -> None:
    """Its own fact may be there before it, where a worker died between the two."""
    load = Load()
    load.add("task", TODAY - DAY_MS, 10)
    assert over_quota(replace(WANTED, quota=Quota(None, 1)), load, TODAY) is None


def test_a_refusal_is_known_by_the_message_that_was_refused() -> None:
    """Read again it is the same one; sent again by its user it is judged anew."""
    assert refusal_hash(WANTED) == refusal_hash(replace(WANTED, plan=replace(WANTED.plan, window=99)))
    assert refusal_hash(WANTED) != refusal_hash(replace(WANTED, requested_at=901))
    assert refusal_hash(WANTED) != WANTED.body_hash
