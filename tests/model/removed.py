"""The real steps in the model: its own versions of what they draw from, and without the rules taken away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from pipeline import draw
from pipeline.allocate import draw_batch
from pipeline.coordinate import Decision, decide
from pipeline.task import Task
from schemas import codec, events
from tests.model.processes import Instance
from tests.model.scenario import WINDOW

if TYPE_CHECKING:
    from pyroaring import BitMap

    from tests.model.world import World

DECODE = lru_cache(10_000)(codec.decode)  # a third of the time of a walk
STATUS: Callable[[Task], Any] = vars(Task)["status"].func


@contextlib.contextmanager
def steps_of(world: World) -> Iterator[None]:
    """The real steps as this world has them."""
    rules, removed = world.rules, Removed(world)
    patches: list[Any] = [
        patch("agents.allocate.draw_batch", removed.draw_batch),
        patch("agents.coordinate.decide", removed.decide),
        patch("agents.handoff.asyncio", world.loop),
        patch.object(codec, "decode", DECODE),
        patch("pipeline.compact.FACTS_A_COMMAND", 2),
    ]
    if not rules.end_last:
        patches.append(patch("agents.coordinate.let_go_in_order", list))
    if not rules.judged_whole:
        patches.append(patch("agents.coordinate.refused_while_running", lambda *_: None))
    if not rules.drain:
        patches.append(patch.object(Task, "status", property(hasty_status)))
    with contextlib.ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        yield


class Removed:
    """Decisions as they would be without a rule."""

    def __init__(self, world: World) -> None:
        self._world = world

    def draw_batch(self, planned: events.BatchPlanned, space: draw.Space, taken: BitMap) -> BitMap:
        """The real draw, as the version of the plan or of the instance would do it."""
        world = self._world
        assert isinstance(world.now, Instance)
        version = planned.draw_version if world.rules.draw_pinned else world.now.version
        seeded = replace(planned, draw_version=draw.DRAW_VERSION, seed=f"{planned.seed}/{version}")
        return draw_batch(seeded, world.scenario.drawn_from[planned.area_code], taken | world.now.suppressed)

    def decide(self, task: Task, event: events.TaskEvent, at: int) -> Decision:
        """The real decision, without the rules taken away."""
        rules = self._world.rules
        if not rules.final:
            with patch.object(Task, "ended", property(lambda _: False)):
                return decide(task, event, at)
        decision = decide(task, event, at)
        if not rules.cancel_remembered and isinstance(event, events.CancelRequested) and not task.submitted:
            return replace(decision, after=None)
        after = decision.after
        if not rules.frontier and after and not after.closing and isinstance(event, events.BatchStored):
            number = event.batch + WINDOW
            if number < after.numbered:
                return replace(decision, batches=(after.planned(number),))
            return replace(decision, batches=tuple(b for b in decision.batches if b.batch >= after.numbered))
        return decision


def hasty_status(task: Task) -> str:
    """The state of a task that does not wait for what is in flight once it is closing."""
    if task.end is None and task.submitted is not None and task.closing is not None:
        return "cancelled" if task.closing.cancelled else "failed"
    return str(STATUS(task))
