"""The steps that are the model's own, and compaction without one of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.records import Outgoing, Record, batch_headers
from pipeline.allocate import facts_prefix
from pipeline.ledger import sum_key, sum_of
from pipeline.plan import spread
from pipeline.validation import HELD
from schemas import codec, events, topics
from tests.model.scenario import BATCH, USER, WINDOW, Cancel, Generate, Validate
from tests.model.shells import DELIVERY, act

if TYPE_CHECKING:
    from tests.model.processes import Handed, Instance
    from tests.model.world import World


async def intake(me: Instance, request: Generate | Cancel | Validate, record: Record) -> None:
    """A request as an event of its task."""
    event: events.TaskEvent
    if isinstance(request, Cancel):
        event = events.CancelRequested(request.task, USER, request.request)
    elif isinstance(request, Validate):
        event = validation_of(request, me.world, record)
    elif request.body == "broken":
        event = refused(request.task, "generate", request.body, "invalid_request", record)
        me.world.give_up(me, request, ())
    else:
        event = events.TaskSubmitted(
            task_id=request.task,
            user_id=USER,
            request_id=request.task,
            project_id=None,
            task_name=None,
            body_hash=request.body.encode(),
            requested_at=0,
            plan=plan_of(request, me),
        )
    await tell(event)


def refused(task: str, kind: str, body: str, code: str, record: Record) -> events.TaskRefused:
    """What intake says of a request that breaks a rule."""
    return events.TaskRefused(
        task_id=task,
        user_id=USER,
        request_id=task,
        project_id=None,
        task_name=None,
        type=kind,
        body_hash=body.encode(),
        requested_at=record.timestamp,
        code=code,
        message=code,
        errors=(),
    )


def validation_of(request: Validate, world: World, record: Record) -> events.TaskEvent:
    """The validation of what the database holds of a task by now, or its refusal."""
    held = {i: count for i, ((task, _), count) in enumerate(world.markers.items()) if task == request.target}
    body = f"judge {request.target}"
    if not sum(held.values()):
        return refused(request.task, "validate", body, "nothing_held", record)
    plan = events.ValidationPlan(
        quantity=sum(held.values()),
        batch_size=BATCH,
        window=WINDOW,
        prefix_version=1,
        source="internal",
        lookups=0,
        kind=HELD,
        held_task=request.target,
        numbers=b"",
        given=(),
        batch_ids=np.array([*held], "<i4").tobytes(),
        counts=np.array([*held.values()], "<i4").tobytes(),
    )
    return events.ValidationSubmitted(
        request.task, USER, request.task, None, None, body.encode(), record.timestamp, plan
    )


def plan_of(request: Generate, me: Instance) -> events.Plan:
    """The plan of a request, by the real spread."""
    used = 0 if me.world.rules.plan_pure else me.world.tick % 3  # usage differs whenever one looks
    exist = {code: max(1, len(me.world.scenario.spaces[code]) - used) for code in request.codes}
    quantity = min(request.quantity, sum(exist.values()))
    return events.Plan(
        quantity=request.quantity,
        batch_size=BATCH,
        window=WINDOW,
        prefix_version=1,
        draw_version=me.version,
        seed=request.task,
        on_shortfall=request.on_shortfall,
        auto_validate=False,
        filters=events.Filters(),
        shares=spread(quantity, exist, BATCH, request.task),
    )


async def compact(me: Instance, event: events.Compact) -> None:
    """A compaction as it would be without one of its rules."""
    key = sum_key(event.area_code, event.name)
    old = [facts_prefix(event.area_code) + name.encode() for name in event.facts]
    left = [fact for one in old if (fact := me.table.get(one)) is not None]
    whole = sum_of(left) if left or not me.world.rules.sum_kept else None
    if me.world.rules.sum_kept and (known := me.table.get(key)) is not None:
        whole = known
    if whole is not None and me.world.rules.sum_first:
        await me.table.put(key, whole)
    for one in old:
        await me.table.remove(one)
    if whole is not None and not me.world.rules.sum_first:
        await me.table.put(key, whole)


async def handed(me: Handed) -> None:
    """What was handed over, stored; where that fails it is left to its copy."""
    try:
        await store(me.world, me.batch, mended=False)
    except PoisonedError:
        me.failed = True


async def copy(me: Instance, value: bytes) -> None:
    """A message of the topic: what was handed over may have dealt with it, or failed."""
    batch, rules = codec.decode(value), me.world.rules
    assert isinstance(batch, events.BatchAllocated)
    if (before := me.process.handed.pop((batch.task_id, batch.batch), None)) is not None:
        if not rules.copies_wait:
            return
        me.waits = before
        await act("wait")
        me.waits = None
    if before is not None and not before.failed:
        return
    try:
        await store(me.world, batch, me.mended)
    except PoisonedError:
        me.world.give_up(me, value, batch_headers(batch))
        if rules.failures_told:
            await tell(events.BatchFailed(batch.task_id, USER, batch.batch, "dead_letter", "poison"))


class PoisonedError(Exception):
    """A batch that the store cannot process."""


async def store(world: World, batch: events.BatchAllocated, mended: bool) -> None:
    """One transaction, then what came of it.  Raises PoisonedError."""
    if (batch.task_id, batch.batch) == world.scenario.poison and not mended:
        raise PoisonedError
    count = await act("transaction", batch)
    if count is None:
        await tell(events.BatchFailed(batch.task_id, USER, batch.batch, "ledger_conflict", "twice"))
    else:
        await tell(events.BatchStored(batch.task_id, USER, batch.batch, batch.area_code, batch.asked, count))


async def judge(me: Instance, value: bytes) -> None:
    """One transaction, then what its marker says."""
    planned = codec.decode(value)
    assert isinstance(planned, events.ValidationPlanned)
    reasons = await act("judge", planned)
    if reasons is None:
        await tell(events.BatchFailed(planned.task_id, USER, planned.batch, "numbers_gone", "gone"))
    else:
        await tell(events.BatchJudged(planned.task_id, USER, planned.batch, planned.size, 0, reasons, {}))


async def tell(event: events.TaskEvent) -> None:
    """An event of a task."""
    await DELIVERY.send(Outgoing(topics.TASK_EVENTS, None, codec.encode(event), USER))
