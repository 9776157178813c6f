"""Quotas in coordinate: what is refused, the facts that it leaves, and what a replay repeats."""

from dataclasses import replace

from pipeline.quota import DAY_MS, fact_key
from schemas import events
from tests.agents.test_coordinate_agent import SUBMITTED, TASK, Coordinating, stored

AT = 1_700_000_000_000
OTHER = "1b4e28ba-2fa1-51d2-883f-0016d3cca428"
LATER = "1b4e28ba-2fa1-51d2-883f-0016d3cca429"
FIRST = replace(SUBMITTED, quota=events.Quota(numbers_a_day=500, tasks_at_once=1))
SECOND = replace(FIRST, task_id=OTHER, request_id="r9")


def refused(coordinating: Coordinating) -> list[str]:
    """The fields that the last event was refused for."""
    (progress,) = coordinating.sent()
    assert isinstance(progress, events.TaskProgress)
    assert progress.error is not None
    assert progress.error.code == "quota_exceeded"
    return progress.error.message.split(": ")[:1]


async def test_a_task_counts_from_its_plan_to_its_end() -> None:
    """The fact of the plan comes before the quota's, the quota's before the end."""
    coordinating = Coordinating()
    happened = await coordinating.take(FIRST)
    key = fact_key("ann", AT, TASK).decode()
    assert happened[-3:] == ["put plan", f"put {key}", "2 written"]
    await coordinating.take(SECOND)
    assert refused(coordinating) == ["quantity"]
    happened = await coordinating.take(stored(0), stored(1), stored(2, 80))
    assert happened[:4] == ["send TaskProgress", f"put {key}|end", "put end", "2 written"]
    assert coordinating.table.rows[f"{key}|end".encode()] == b"280"


async def test_the_same_record_is_refused_or_accepted_for_good() -> None:
    """Whatever has ended or begun since: in memory, out of the facts, with the local store ahead."""
    coordinating = Coordinating()
    await coordinating.take(FIRST)
    await coordinating.at(SECOND, 1)
    first_time = dict(coordinating.table.rows)
    assert len(refused(coordinating)) == 1
    await coordinating.take(stored(0), stored(1), stored(2))
    for forget in (False, True):
        if forget:
            coordinating.step.unions.forget()
            coordinating.step.loads.unions.forget()
        for event, offset in ((FIRST, 0), (SECOND, 1)):
            before = dict(coordinating.table.rows)
            await coordinating.at(event, offset)
            assert coordinating.sent() == []
            assert coordinating.table.rows == before
    assert first_time.keys() - coordinating.table.rows.keys() == set()
    later = replace(SECOND, requested_at=SECOND.requested_at + 1, plan=replace(SECOND.plan, quantity=200))
    assert "send 0" in await coordinating.take(later)


async def test_a_clean_up_keeps_what_the_task_delivered() -> None:
    """The facts of its batches are gone by then, and its count is not made up anew."""
    coordinating = Coordinating()
    await coordinating.take(FIRST, stored(0), stored(1), stored(2))
    key = fact_key("ann", AT, TASK, ended=True)
    for _ in range(2):
        coordinating.step.unions.forget()
        coordinating.step.loads.unions.forget()
        await coordinating.take(stored(2))
        assert coordinating.table.rows[key] == b"300"


async def test_facts_of_long_ago_are_deleted_when_a_user_comes_again() -> None:
    """And count for nothing; those of another user stay."""
    coordinating = Coordinating()
    old, others = fact_key("ann", AT - 9 * DAY_MS, OTHER), fact_key("ben", AT - 9 * DAY_MS, OTHER)
    coordinating.table.rows |= {old: b"500", others: b"500"}
    await coordinating.take(FIRST)
    assert old not in coordinating.table.rows
    assert others in coordinating.table.rows


async def test_facts_of_long_ago_are_deleted_though_their_user_never_pauses() -> None:
    """In one generation of the group, too, which may last for months: in memory as in the table."""
    coordinating = Coordinating()
    await coordinating.take(FIRST, stored(0), stored(1), stored(2))
    old = {key for key in coordinating.table.rows if key.startswith(b"#")}
    assert len(old) == 2
    await coordinating.at(SECOND, 7 * DAY_MS // 100)
    assert old <= coordinating.table.rows.keys()
    later = replace(SECOND, task_id=LATER, request_id="r10", quota=events.Quota(numbers_a_day=500, tasks_at_once=2))
    await coordinating.at(later, 8 * DAY_MS // 100)
    assert not old & coordinating.table.rows.keys()
    load = coordinating.step.loads.unions.current()["ann"]
    assert (set(load.running), set(load.ended)) == ({OTHER, LATER}, set())


async def test_users_without_a_quota_leave_no_such_facts() -> None:
    """They cost nothing."""
    coordinating = Coordinating()
    await coordinating.take(SUBMITTED, stored(0), stored(1), stored(2))
    assert not [key for key in coordinating.table.rows if key.startswith(b"#")]


async def test_a_task_of_before_the_quota_does_not_count_when_its_request_comes_again() -> None:
    """Neither while it runs nor when it has ended: it would have counted as running for eight days."""
    coordinating = Coordinating()
    await coordinating.take(SUBMITTED)
    for again in (FIRST, stored(0), stored(1), stored(2), FIRST):
        await coordinating.take(again)
        assert not [key for key in coordinating.table.rows if key.startswith(b"#")]
    later = replace(SECOND, plan=replace(SECOND.plan, quantity=500))
    assert "send 0" in await coordinating.take(later)


async def test_what_was_refused_stays_refused_though_its_user_has_room_by_then() -> None:
    """A worker that dies before its commit reads the request again, beside the facts of what ended after it."""
    coordinating = Coordinating()
    one_at_once = events.Quota(numbers_a_day=None, tasks_at_once=1)
    second = replace(SECOND, quota=one_at_once)
    await coordinating.take(replace(FIRST, quota=one_at_once))
    await coordinating.at(second, 1)
    assert len(refused(coordinating)) == 1
    await coordinating.take(stored(0), stored(1), stored(2))
    coordinating.step.unions.forget()
    coordinating.step.loads.unions.forget()
    await coordinating.at(second, 1)
    assert coordinating.sent() == []
    assert "send 0" in await coordinating.take(replace(second, requested_at=second.requested_at + 1))
