"""Processes of the model, and what runs in them: one step on one partition, or something beside the steps."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from agents.allocate import Allocate
from agents.coordinate import Coordinate
from agents.handoff import Handoff
from agents.records import Record, Step, batch_headers
from schemas import codec, events
from tests.model.scenario import INPUT, Action, Cancel, Generate, Place, Validate, readable
from tests.model.shells import METRICS, PREFIXES, LateSends, LateWrites, ModelDelivery, ModelTable, act
from tests.model.steps import compact, copy, intake, judge, store_handed

if TYPE_CHECKING:
    from tests.model.world import World

Running = Coroutine[Action, Any, Any]


class Process:
    """Steps of one partition that live and die together; allocate hands over to the store by the real handoff."""

    def __init__(self, world: World) -> None:
        self.leaves = False  # it takes no more records, and gives its partitions away when it is through

        async def attempt(record: Record) -> None:
            await store_handed(world, record)

        async def failed(error: Exception) -> None:
            raise error

        self.handoff = Handoff(attempt, failed)


class Beside:
    """What a process runs beside its steps, as a task of its loop."""

    owner = False  # commits nothing

    def __init__(self, world: World, name: str, partition: int, process: Process, running: Running) -> None:
        self.world, self.place, self.process = world, (name, partition), process
        self.running: Running | None = running
        self.answer: Any = None
        self.waits: Beside | None = None
        self.result: Any = None
        self._at_end: list[Callable[[Any], object]] = []

    @property
    def done(self) -> bool:
        """Whether it is through."""
        return self.running is None

    @property
    def runnable(self) -> bool:
        """Whether it has something to do."""
        return not self.done and (self.waits is None or self.waits.done)

    def end(self, result: Any) -> None:
        """It is through."""
        self.running, self.result = None, result
        for call in self._at_end:
            call(self)

    def add_done_callback(self, call: Callable[[Any], object]) -> None:
        """To be called then."""
        self._at_end.append(call)

    async def outcome(self, waits: bool) -> Any:
        """What came of it; without waiting, the best."""
        if waits and not self.done:
            await act("wait", self)
        return self.result if self.done else True

    def __await__(self) -> Generator[Any, Any, Any]:
        """As the end of a process waits for what it has begun."""
        return self.outcome(self.world.rules.leaves_settled).__await__()


class Instance:
    """One step on one partition in one process: its version of the program, its table, what it remembers."""

    def __init__(self, world: World, place: Place, local: dict[bytes, bytes], process: Process) -> None:
        self.world, self.place, self.owner, self.process = world, place, True, process
        self.running: Running | None = None
        self.answer: Any = None
        self.half: Action | None = None  # a write that is in the local store and not yet in the changelog
        self.waits: Beside | None = None
        self.suppressed = BitMap()
        self.log, self.changelog = world.logs[INPUT[place[0]], place[1]], world.changelogs[place]
        self.table = ModelTable({**local, **self.changelog})
        table: Any = self.table
        self.position = world.committed[place]
        self.version = 0 if world.scenario.alone else len(world.instances) % 2  # an upgrade is rolling out
        delivery: Any = ModelDelivery()
        if not world.rules.fact_first and place[0] == "allocate":
            delivery = LateWrites()
        if not world.rules.fact_last and place[0] == "coordinate":
            delivery = LateSends()
        self.delivery = delivery
        self.coordinate = Coordinate(delivery, table, METRICS)
        self.allocate = Allocate(delivery, table, PREFIXES, METRICS)

    @property
    def mended(self) -> bool:
        """Whether the program can process what an operator has sent again."""
        return (*self.place, self.position) in self.world.operators.resent

    @property
    def runnable(self) -> bool:
        """Whether it has something to do."""
        if self.waits is not None and not self.waits.done:
            return False
        return self.running is not None or (self.position < len(self.log) and not self.process.leaves)

    @property
    def expires(self) -> bool:
        """Whether the record at its position is a batch, which may expire unread."""
        if self.running is not None or self.position == len(self.log):
            return False
        event, alone = readable(self.log[self.position]), self.world.scenario.alone
        planned = isinstance(event, events.BatchPlanned) and not alone  # later, it would be drawn after others
        return planned or isinstance(event, events.BatchAllocated | events.ValidationPlanned)

    def end(self, result: Any) -> None:
        """It is through with the record at its position."""
        self.running, self.position = None, self.position + 1

    def start(self) -> Running:
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
            headers=batch_headers(codec.decode(entry)) if step == "store" and isinstance(entry, bytes) else (),
        )
        match entry:
            case Generate() | Cancel() | Validate():
                return intake(self, entry, record)
            case bytes() if step == "store":
                return copy(self, record)
            case bytes() if step == "judge":
                return judge(self, entry)
            case bytes() if step == "allocate" and not (self.world.rules.sum_first and self.world.rules.sum_kept):
                event = codec.decode(entry)
                return compact(self, event) if isinstance(event, events.Compact) else self.allocate(record)
            case _:
                return self._processed(self.coordinate if step == "coordinate" else self.allocate, record)

    async def _processed(self, step: Step, record: Record) -> None:
        await step(record)
        await self.delivery.done()
