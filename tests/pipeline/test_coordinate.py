"""The state machine of a task: what each event leads to, and what every walk through it keeps."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.coordinate import Decision, decide, fact_name, fact_of
from pipeline.errors import Unreadable
from pipeline.task import Task
from schemas import codec
from schemas.events import (
    AreaCodeShare,
    BatchFailed,
    BatchPlanned,
    BatchStored,
    CancelRequested,
    Fact,
    Plan,
    RequestRejected,
    TaskEvent,
    TaskProgress,
    TaskSubmitted,
)
from tests.pipeline.data import CANCEL, REFUSED, SUBMITTED, failed, stored, submitted

AT = 1000


def after(*events: TaskEvent) -> Task:
    """The task after these events, one a millisecond."""
    task = Task()
    for i, event in enumerate(events):
        task = decide(task, event, AT + i).after or task
    return task


def answer(task: Task, event: TaskEvent) -> RequestRejected:
    """The answer to a request that is refused outside of its task."""
    decision = decide(task, event, AT)
    assert decision.batches == ()
    assert isinstance(decision.progress, RequestRejected)
    return decision.progress


def numbers(decision: Decision) -> list[int]:
    """Numbers of the batches that a decision sends."""
    return [batch.batch for batch in decision.batches]


def drawn(decision: Decision) -> list[BatchPlanned]:
    """The batches of a generation that a decision sends."""
    return [batch for batch in decision.batches if isinstance(batch, BatchPlanned)]


def test_a_submitted_task_sends_its_window() -> None:
    """Four batches, two at a time; each message carries what the plan pins."""
    decision = decide(Task(), SUBMITTED, AT)
    assert decision.batches[0] == BatchPlanned(
        "task", "ann", 0, "project", "415", 300, 7, 1, "s", False, SUBMITTED.plan.filters
    )
    assert numbers(decision) == [0, 1]
    assert not decision.repeated
    assert decision.sent_before == 0


def test_each_stored_batch_sends_one_more() -> None:
    """Whichever it was: with k stored, the first window + k are sent."""
    task = after(SUBMITTED)
    decision = decide(task, stored(1), AT)
    assert numbers(decision) == [2]
    assert decision.after is not None
    decision = decide(decision.after, stored(2), AT)
    assert [(batch.batch, batch.size) for batch in decision.batches] == [(3, 100)]


def test_the_same_event_again_changes_nothing() -> None:
    """Nothing is sent; the fact is written once more, for the local store may be ahead."""
    task = after(SUBMITTED, stored(0))
    for event in (SUBMITTED, stored(0), replace(SUBMITTED, requested_at=5)):
        assert decide(task, event, AT) == Decision(repeated=True)
    assert decide(after(CANCEL), CANCEL, AT) == Decision(repeated=True)
    assert decide(after(REFUSED), REFUSED, AT) == Decision(repeated=True)


def test_a_request_that_was_accepted_is_not_refused_when_it_comes_again() -> None:
    """Fewer numbers are left by then, for it has taken them itself: it is the same request, and says nothing."""
    again = replace(REFUSED, body_hash=SUBMITTED.body_hash, code="capacity_exhausted")
    assert decide(after(SUBMITTED), again, AT) == Decision(repeated=True)
    assert decide(after(SUBMITTED, CANCEL, stored(0), stored(1)), again, AT) == Decision(repeated=True)


def test_short_batches_are_made_up_for_one_supplement_at_a_time() -> None:
    """Of the first area code not yet found short, at most a batch; then the next one."""
    task = after(SUBMITTED, stored(0), stored(1, 250), stored(2))
    decision = decide(task, stored(3, 100, 100), AT)
    assert [(b.batch, b.area_code, b.size) for b in drawn(decision)] == [(4, "212", 50)]
    assert decision.after is not None
    done = decide(decision.after, stored(4, 50, 50, "212"), AT)
    assert done.after is not None
    assert (done.after.status, done.after.delivered) == ("completed", 1000)


def test_a_single_number_is_made_up_for_too() -> None:
    """The least that can be missing."""
    decision = decide(after(SUBMITTED, stored(0), stored(1, 299), stored(2)), stored(3, 100, 100), AT)
    assert [(b.batch, b.area_code, b.size) for b in drawn(decision)] == [(4, "212", 1)]


def test_a_task_that_finds_every_area_code_short_fails_with_the_exact_shortfall() -> None:
    """Or completes with less, where a part will do."""
    for on_shortfall, status in (("fail", "failed"), ("partial", "completed")):
        task = after(
            submitted(on_shortfall=on_shortfall),
            *(stored(0), stored(1, 250), stored(2), stored(3, 100, 100)),
            stored(4, 20, 50, "212"),
        )
        assert (task.status, task.ended, task.missing) == (status, True, 30)


def test_a_cancelled_task_ends_when_all_that_was_sent_is_back() -> None:
    """Nothing more is sent; what was stored stays."""
    task = after(SUBMITTED, stored(0))
    decision = decide(task, CANCEL, AT)
    assert (decision.batches, decision.sent_before) == ((), 3)
    assert decision.after is not None
    assert decision.after.status == "running"
    task = after(SUBMITTED, stored(0), CANCEL, stored(2))
    assert task.status == "running"
    task = after(SUBMITTED, stored(0), CANCEL, stored(2), stored(1))
    assert (task.status, task.delivered, task.sent) == ("cancelled", 900, 3)


def test_a_cancelled_task_that_got_all_is_completed() -> None:
    """Its last batches were on their way."""
    task = after(SUBMITTED, stored(0), stored(1), CANCEL, stored(2), stored(3, 100, 100))
    assert task.status == "completed"


def test_a_failed_batch_ends_its_task_once_the_others_are_back() -> None:
    """The reason is the lowest failed batch, and comes before a cancel."""
    orders: list[list[TaskEvent]] = [[failed(1), CANCEL, failed(0)], [CANCEL, failed(0), failed(1)]]
    for events in orders:
        task = after(SUBMITTED, *events)
        assert task.status == "failed"
        assert task.closing is not None
        assert (task.closing.batch, task.closing.message) == (0, "batch 0 is lost")
    assert after(SUBMITTED, failed(1)).status == "running"


def test_a_cancel_that_overtakes_its_task_is_remembered() -> None:
    """It is answered at once, and the task ends as soon as it comes, with nothing sent."""
    decision = decide(Task(), CANCEL, AT)
    assert decision.progress == RequestRejected(
        "task",
        "ann",
        "cancel-1",
        "unknown_task",
        "you have no such task; should its request still come, it ends at once",
        AT,
    )
    assert answer(after(CANCEL), replace(CANCEL, request_id="cancel-2")).code == "unknown_task"
    decision = decide(after(CANCEL), SUBMITTED, AT)
    assert decision.batches == ()
    assert isinstance(decision.progress, TaskProgress)
    assert (decision.progress.event, decision.progress.succeeded) == ("cancelled", 0)


def test_a_refused_request_may_be_corrected() -> None:
    """Under the same request_id: the task begins as if nothing had been, but for its sequence."""
    decision = decide(Task(), REFUSED, AT)
    assert isinstance(decision.progress, TaskProgress)
    assert (decision.progress.sequence, decision.progress.status) == (1, "failed")
    other = replace(REFUSED, body_hash=b"refused again")
    task = after(REFUSED, other)
    assert (task.status, task.ended, task.facts) == ("failed", False, 2)
    assert decide(task, REFUSED, AT) == Decision(repeated=True)
    decision = decide(task, SUBMITTED, AT)
    assert numbers(decision) == [0, 1]
    assert isinstance(decision.progress, TaskProgress)
    assert (decision.progress.sequence, decision.progress.status) == (3, "running")


@pytest.mark.parametrize("other", [replace(SUBMITTED, body_hash=b"other"), REFUSED])
def test_a_request_id_used_with_another_body_is_refused(other: TaskEvent) -> None:
    """The first task stays as it is, running or ended; the answer is no event of it."""
    text = "this request_id was used with another body, and that task goes on: choose a new request_id"
    for task in (after(SUBMITTED), after(SUBMITTED).with_end("completed")):
        rejected = answer(task, other)
        assert (rejected.code, rejected.message) == ("request_id_reused", text)
        assert rejected.request_id == "first"


def test_a_second_cancel_is_answered() -> None:
    """The first one is in force."""
    again = replace(CANCEL, request_id="cancel-2")
    rejected = answer(after(SUBMITTED, CANCEL), again)
    assert (rejected.code, rejected.message) == ("already_cancelled", "the task is being cancelled already")
    for status in ("completed", "failed", "cancelled"):
        rejected = answer(after(SUBMITTED).with_end(status), again)
        assert (rejected.code, rejected.message) == ("task_ended", f"the task is {status} already")


def test_after_the_end_nothing_changes() -> None:
    """Batches that come late are of no consequence, though their facts are deleted."""
    for status in ("completed", "failed", "cancelled"):
        for event in (stored(0), stored(99), failed(1)):
            assert decide(after(SUBMITTED).with_end(status), event, AT) == Decision()


@pytest.mark.parametrize("event", [stored(2), failed(2)])
def test_a_batch_that_was_never_sent_is_a_dead_letter(event: TaskEvent) -> None:
    """No fact can account for it."""
    for task in (Task(), after(SUBMITTED), after(CANCEL)):
        with pytest.raises(Unreadable) as error:
            decide(task, event, AT)
        assert str(error.value) == "batch 2 of task task was never sent"


def test_every_event_has_a_fact_of_its_own() -> None:
    """One key each, which a batch shares with its failure; refusals differ by their body."""
    assert fact_name(SUBMITTED) == "plan"
    assert fact_name(REFUSED) == f"refused|{b'refused'.hex()}"
    assert fact_name(CANCEL) == "cancel"
    assert fact_name(stored(12)) == fact_name(failed(12)) == "batch|000012"
    fact = codec.decode(fact_of(SUBMITTED, AT, 3))
    assert fact == Fact(AT, 3, codec.encode(SUBMITTED))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_the_order_of_facts_does_not_matter(data: st.DataObject) -> None:
    """A table is read in the order of its keys."""
    facts: list[tuple[TaskEvent, int, int]] = [
        (SUBMITTED, AT, 0),
        (REFUSED, AT, 0),
        (replace(REFUSED, body_hash=b"other"), AT, 0),
        (stored(0), AT, 2),
        (stored(1, 7), AT, 3),
        (CANCEL, AT, 4),
        (failed(3), AT, 4),
        (failed(2), AT, 4),
    ]
    chosen = data.draw(st.lists(st.sampled_from(facts), unique_by=lambda fact: fact_name(fact[0])))
    tasks = []
    for order in (chosen, data.draw(st.permutations(chosen))):
        task = Task()
        for fact in order:
            task = task.with_fact(*fact)
        tasks.append(task)
    assert tasks[0] == tasks[1]


class Walk:
    """A task, what its area codes have, and all that is on its way; every event leaves a record of the log."""

    def __init__(self, seed: int) -> None:
        rng = self.rng = random.Random(seed)
        codes = [str(code) for code in range(201, 201 + rng.randint(1, 4))]
        self.left = {code: rng.randint(0, 400) for code in codes}
        shares = tuple(AreaCodeShare(code, rng.choice([0, rng.randint(1, 500)])) for code in codes)
        quantity = sum(share.quantity for share in shares) or 100
        if not any(share.quantity for share in shares):
            shares = (replace(shares[0], quantity=100), *shares[1:])
        self.task, self.log, self.ends = Task(), list[tuple[TaskEvent, Decision]](), list[TaskProgress]()
        self.coming: list[TaskEvent] = [
            submitted(
                quantity=quantity,
                batch_size=100,
                window=rng.randint(1, 4),
                shares=shares,
                on_shortfall=rng.choice(["fail", "partial"]),
            )
        ]
        self.coming += rng.sample(
            [CANCEL, replace(CANCEL, request_id="b"), REFUSED, self.coming[0]], rng.randint(0, 4)
        )
        self.failing = rng.random() < 0.3

    def outcome(self, batch: BatchPlanned) -> TaskEvent:
        """What comes back of a batch."""
        if self.failing and self.rng.random() < 0.1:
            return BatchFailed("task", "ann", batch.batch, "dead_letter", "lost")
        count = min(batch.size, self.left[batch.area_code])
        self.left[batch.area_code] -= count
        return BatchStored("task", "ann", batch.batch, batch.area_code, batch.size, count)

    def step(self) -> None:
        """One event, any of those on their way; now and then it comes twice."""
        event = self.coming.pop(self.rng.randrange(len(self.coming)))
        if self.rng.random() < 0.1:
            self.coming.append(event)
        before, decision = self.task, decide(self.task, event, AT + len(self.log))
        assert decide(reloaded(self.log), event, AT + len(self.log)) == decision
        self.log.append((event, decision))
        self.task = decision.after or before
        assert [b.batch for b in decision.batches] == list(range(before.sent, self.task.sent))
        assert self.task.sent >= before.sent
        assert self.task.sent - self.task.done <= max(1, self.task.plan.window) if self.task.submitted else True
        self.coming += [self.outcome(batch) for batch in drawn(decision)]
        if isinstance(decision.progress, TaskProgress):
            assert decision.progress.sequence == self.task.facts
            if decision.progress.status != "running" and decision.progress.current_step != "refused":
                self.ends.append(decision.progress)


def reloaded(log: list[tuple[TaskEvent, Decision]]) -> Task:
    """The task as a successor reads it out of the table, in the order of the keys."""
    facts = [
        (fact_name(event), (event, AT + i, decision.sent_before))
        for i, (event, decision) in enumerate(log)
        if decision.after is not None
    ]
    task = Task()
    for _, fact in sorted(facts, key=lambda fact: fact[0]):
        task = task.with_fact(*fact)
    return task


@pytest.mark.parametrize("first_seed", range(0, 600, 100))
def test_every_walk_ends_once_and_with_exact_counts(first_seed: int) -> None:
    """Whatever comes in whatever order: sent only grows, a reload decides the same, and the figures add up."""
    for seed in range(first_seed, first_seed + 100):
        walk = Walk(seed)
        while walk.coming:
            walk.step()
        (end,) = walk.ends
        plan = walk.task.plan
        assert isinstance(plan, Plan)
        delivered = sum(e.count for e, d in walk.log if isinstance(e, BatchStored) and d.after is not None)
        assert end.succeeded == end.processed_items == walk.task.delivered == delivered
        assert end.failed_items == plan.quantity - delivered
        assert walk.task.done == walk.task.sent == end.batches_done == end.batches_total
        cancelled = any(isinstance(e, CancelRequested) and d.after is not None for e, d in walk.log)
        lost = any(isinstance(e, BatchFailed) for e, _ in walk.log)
        if delivered == plan.quantity:
            assert end.status == "completed"
        elif lost:
            assert (end.status, end.error and end.error.code) == ("failed", "dead_letter")
        elif cancelled:
            assert end.status == "cancelled"
        else:
            assert end.status == ("completed" if plan.on_shortfall == "partial" else "failed")
            assert not any(walk.left[share.area_code] for share in plan.shares)


def test_walks_reach_every_end() -> None:
    """The walks above are not all of one kind."""
    found: set[Any] = set()
    for seed in range(200):
        walk = Walk(seed)
        while walk.coming:
            walk.step()
        found |= {(end.status, end.error and end.error.code) for end in walk.ends}
        found |= {d.progress.code for _, d in walk.log if isinstance(d.progress, RequestRejected)}
        assert isinstance(walk.task.submitted, TaskSubmitted)
    assert found >= {
        ("completed", None),
        ("cancelled", None),
        ("failed", "capacity_exhausted"),
        ("failed", "dead_letter"),
        "unknown_task",
        "already_cancelled",
        "request_id_reused",
        "task_ended",
    }
