"""Processes of the model, and what runs in them: one step on one partition, or what was handed over to it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from agents.allocate import Allocate
from agents.coordinate import Coordinate
from agents.records import Record
from schemas import codec, events
from tests.model.scenario import INPUT, Action, Cancel, Generate, Place, Validate, readable
from tests.model.shells import DELIVERY, METRICS, PREFIXES, ModelTable
from tests.model.steps import compact, copy, handed, intake, judge

if TYPE_CHECKING:
    from tests.model.world import World


class Process:
    """Steps of one partition that live and die together, and what one has handed to the next."""

    def __init__(self) -> None:
        self.handed: dict[tuple[str, int], Handed] = {}


class Handed:
    """A batch that the store takes from allocate of its process before the broker has it."""

    owner = False  # commits nothing

    def __init__(self, me: Instance, batch: events.BatchAllocated) -> None:
        self.world, self.place, self.process = me.world, ("handed", me.place[1]), me.process
        self.batch, self.suppressed = batch, BitMap()
        self.running: Coroutine[Action, Any, None] | None = None
        self.answer: Any = None
        self.done = self.failed = False

    @property
    def runnable(self) -> bool:
        """Whether it is not through."""
        return not self.done

    def start(self) -> Coroutine[Action, Any, None]:
        """The store's step."""
        return handed(self)


class Instance:
    """One step on one partition in one process: its version of the program, its table, what it remembers."""

    def __init__(self, world: World, place: Place, local: dict[bytes, bytes], process: Process) -> None:
        self.world, self.place, self.owner, self.process = world, place, True, process
        self.running: Coroutine[Action, Any, None] | None = None
        self.answer: Any = None
        self.half: Action | None = None  # a write that is in the local store and not yet in the changelog
        self.waits: Handed | None = None
        self.suppressed = BitMap()
        self.log, self.changelog = world.logs[INPUT[place[0]], place[1]], world.changelogs[place]
        self.table = ModelTable({**local, **self.changelog})
        table: Any = self.table
        self.position = world.committed[place]
        self.version = 0 if world.scenario.alone else len(world.instances) % 2  # an upgrade is rolling out
        self.coordinate = Coordinate(DELIVERY, table, METRICS)
        self.allocate = Allocate(DELIVERY, table, PREFIXES, METRICS)

    @property
    def mended(self) -> bool:
        """Whether the program can process what an operator has sent again."""
        return (*self.place, self.position) in self.world.resent

    @property
    def runnable(self) -> bool:
        """Whether it has something to do."""
        if self.waits is not None and self.waits.runnable:
            return False
        return self.running is not None or self.position < len(self.log)

    @property
    def expires(self) -> bool:
        """Whether the record at its position is a batch, which may expire unread."""
        if self.running is not None or self.position == len(self.log):
            return False
        event, alone = readable(self.log[self.position]), self.world.scenario.alone
        planned = isinstance(event, events.BatchPlanned) and not alone  # later, it would be drawn after others
        return planned or isinstance(event, events.BatchAllocated | events.ValidationPlanned)

    def start(self) -> Coroutine[Action, Any, None]:
        """Its step on the record at its position."""
        step, partition = self.place
        entry = self.log[self.position]
        record = Record(
            topic=INPUT[step],
            partition=partition,
            offset=self.position,
            timestamp=1000 + 30 * self.position,
            key=None,
            value=entry if isinstance(entry, bytes) else None,
            headers=(),
        )
        match entry:
            case Generate() | Cancel() | Validate():
                return intake(self, entry, record)
            case bytes() if step == "store":
                return copy(self, entry)
            case bytes() if step == "judge":
                return judge(self, entry)
            case bytes() if step == "allocate" and not (self.world.rules.sum_first and self.world.rules.sum_kept):
                event = codec.decode(entry)
                return compact(self, event) if isinstance(event, events.Compact) else self.allocate(record)
            case _:
                return self.coordinate(record) if step == "coordinate" else self.allocate(record)
