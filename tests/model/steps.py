"""The steps that are the model's own, and compaction without one of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agents.coordinate import progress_messages
from agents.records import Outgoing, Record
from pipeline.allocate import facts_prefix
from pipeline.coordinate import decide
from pipeline.dead_letters import batch_failed
from pipeline.errors import BatchImpossible, RecordError, StepFailed
from pipeline.ledger import sum_key, sum_of
from pipeline.plan import spread
from pipeline.task import Task
from pipeline.validation import HELD
from schemas import codec, events, topics
from tests.model.scenario import BATCH, INPUT, USER, WINDOW, Cancel, Generate, Validate
from tests.model.shells import DELIVERY, act

if TYPE_CHECKING:
    from tests.model.processes import Instance, Process
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
        me.world.operators.give_up(me, request, ())
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
    if isinstance(event, events.TaskRefused) and not me.world.rules.one_writer:
        await DELIVERY.send(*progress_messages(decide(Task(), event, record.timestamp)))
        return
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
    held = {
        i: count for i, ((task, _), count) in enumerate(world.database.markers.items()) if task == request.target
    }
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


async def store_handed(world: World, record: Record) -> None:
    """What was handed over, stored.  Raises RecordError, for the handoff to leave it to its copy."""
    await store(world, record, mended=False)


async def copy(me: Instance, record: Record) -> None:
    """A message of the topic, as `agents.registration` and `agents.delivery` go about it."""
    if await me.process.handoff.dealt_with(record):
        return
    try:
        await store(me.world, record, me.mended)
    except RecordError as error:
        me.world.operators.give_up(me, record.value or b"", record.headers)
        told = batch_failed(record.topic, record.headers, error)
        if told and me.world.rules.failures_told:
            await tell(told)


async def store(world: World, record: Record, mended: bool) -> None:
    """One transaction, then what came of it.  Raises RecordError."""
    batch = record.event(events.BatchAllocated)
    if (batch.task_id, batch.batch) == world.scenario.poison and not mended:
        raise StepFailed("poison")
    if (count := await act("store", batch)) is None:
        raise BatchImpossible("ledger_conflict", "twice")
    await tell(events.BatchStored(batch.task_id, USER, batch.batch, batch.area_code, batch.asked, count))


async def leave(world: World, process: Process) -> None:
    """A process gives its partitions away properly, as `f8_commit_before_partitions_go` does: what is at work is
    through, what was handed over too, and the copies of that are committed though they are not read."""
    places = await process.handoff.settled()
    for x in world.instances_of(process):
        for topic, partition, offset in places:
            if (topic, partition, offset) == (INPUT[x.place[0]], x.place[1], x.position):
                x.position += 1
        world.committed[x.place] = x.position
    world.replace(process, "leave")


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
