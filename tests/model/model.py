"""Model of the delivery protocol around the real steps coordinate and allocate: topics, tables, PostgreSQL, faults.

A step is a coroutine. Every message that it sends and every changelog record or transaction that it waits for is
one atomic action, and anything may happen between two; `explore.py` walks through the interleavings. Enrich is
left out: a pure function of its record. Intake and the store are the model's own, a few lines each.

Faults: crash (the successor has the changelog), restart (and a local store ahead of it), zombie (replaced, but
goes on reading and writing with its old state; only its commits are refused), lose (a record expired unread; an
operator redrives the tasks afterwards). Everything replays from the last committed offset.
"""

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any
from unittest.mock import patch

import numpy as np
from prometheus_client import CollectorRegistry
from pyroaring import BitMap

from agents.allocate import Allocate
from agents.coordinate import Coordinate
from agents.delivery import Outgoing, Record
from pipeline import draw
from pipeline.allocate import draw_batch, facts_prefix
from pipeline.coordinate import Decision, decide
from pipeline.errors import RecordError
from pipeline.ledger import sum_key, sum_of
from pipeline.metrics import WorkerMetrics
from pipeline.plan import spread
from pipeline.prefix_build import PrefixRow, prefix_events
from pipeline.prefixes import AreaCode
from pipeline.task import Task
from schemas import codec, events, topics

WINDOW, BATCH = 2, 2
USER, TASKS = "ann", "tuv"
INPUT = {"intake": "requests", "coordinate": "task-events", "allocate": "batches", "store": "allocations"}
PARTITIONS = {"requests": 2, "task-events": 1, "batches": 2, "allocations": 2, "progress": 1, "audit": 1}
METRICS = WorkerMetrics(CollectorRegistry())
DECODE = lru_cache(10_000)(codec.decode)  # a third of the time of a walk


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol, each of which can be taken away."""

    suppressions_in_log: bool = True  # a suppression is a record of the log that the draw reads
    draw_pinned: bool = True  # the plan names the version of the drawing algorithm (rolling upgrades)
    plan_pure: bool = True  # the plan is a function of the request, not of the usage seen at the moment
    frontier: bool = True  # with k stored, the first window + k are sent; else i + window after i
    drain: bool = True  # a task ends when nothing of it is in flight; else a cancel or a failure ends it at once
    final: bool = True  # what arrives for a task that has ended changes nothing
    cancel_remembered: bool = True  # a cancel that overtakes its task leaves a fact
    failures_told: bool = True  # a batch that becomes a dead letter is also told to coordinate
    redrive: bool = True  # an operator's command sends again whatever of a task is in flight
    sum_first: bool = True  # old facts are deleted when the sum that stands for them is durable
    sum_kept: bool = True  # a sum that is there is written again, and never made anew
    compacts_quiet: bool = True  # only facts are put together whose batch nobody will ask for again
    reader_filters: bool = True  # a reader drops a progress sequence that is not above the last one of the task


@dataclass(frozen=True)
class Generate:
    """A request; `body` stands for all that its hash covers, "broken" breaks a rule."""

    task: str
    body: str
    quantity: int
    codes: tuple[str, ...]
    on_shortfall: str = "fail"


@dataclass(frozen=True)
class Cancel:
    """A request to end a task."""

    task: str
    request: str


@dataclass(frozen=True)
class Suppress:
    """Numbers of an area code that are not to be drawn any more."""

    name: str
    code: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Scenario:
    """What is asked of a small world: area code -> its numbers, requests by partition."""

    spaces: dict[str, tuple[int, ...]]
    requests: tuple[tuple[int, Generate | Cancel], ...]
    suppress: Suppress | None = None
    poison: tuple[str, int] | None = None  # a batch that the store cannot process
    late: Generate | None = None  # asked for when all retention is over and old facts are put together
    alone: bool = False  # one task and only faults: its numbers must not depend on them

    @cached_property
    def drawn_from(self) -> dict[str, draw.Space]:
        """The spaces as the real draw takes them."""
        return {code: draw.Space(np.array(numbers), 1) for code, numbers in self.spaces.items()}


Entry = bytes | Generate | Cancel
Action = tuple[Any, ...]
Scheduled = tuple[str, Any]
Place = tuple[str, int]


@types.coroutine
def act(*action: Any) -> Generator[Action, Any, Any]:
    """One atomic action of a step; the world does it and answers."""
    return (yield action)


class ModelDelivery:
    """Sending and waiting, as steps do it by `agents.delivery.Delivery`."""

    async def send(self, *messages: Outgoing) -> None:
        """Each message is an action of its own."""
        for message in messages:
            await act("send", message.topic.name, message.partition_key, message.value)

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Each changelog record is an action of its own."""
        for write in writes:
            await write


@dataclass
class ModelTable:
    """A table as `agents.faust_workarounds.Table` has it: the local store at once, the changelog when awaited."""

    local: dict[bytes, bytes]

    def get(self, key: bytes) -> bytes | None:
        """The local value."""
        return self.local.get(key)

    def items_with_prefix(self, partition: int, prefix: bytes) -> Iterable[tuple[bytes, bytes]]:
        """Local items in the order of their keys."""
        return sorted(item for item in self.local.items() if item[0].startswith(prefix))

    def put(self, key: bytes, value: bytes) -> Awaitable[Any]:
        """Write locally; the awaitable writes the changelog."""
        self.local[key] = value
        return act("put", key, value)

    def remove(self, key: bytes) -> Awaitable[Any]:
        """Delete locally; the awaitable writes the tombstone."""
        self.local.pop(key, None)
        return act("remove", key)


class ModelPrefixes:
    """Prefix data whose content does not matter: the model's spaces are drawn from instead."""

    def __init__(self) -> None:
        rows = {str(code): [PrefixRow(str(code), 200, 1, "US", "CA", "", "", "")] for code in range(201, 204)}
        self._known = {event.area_code: AreaCode(event) for event in prefix_events(rows, 1, 0)}

    async def of(self, area_code: str, version: int, partition: int) -> AreaCode:
        """The data of an area code."""
        return self._known[area_code]


PREFIXES: Any = ModelPrefixes()
DELIVERY: Any = ModelDelivery()


class Instance:
    """One step on one partition in one process: its version of the program, its table, what it remembers."""

    def __init__(self, world: "World", place: Place, local: dict[bytes, bytes]) -> None:
        self.world, self.place, self.owner = world, place, True
        self.running: Coroutine[Action, Any, None] | None = None
        self.answer: Any = None
        self.half: Action | None = None  # a write that is in the local store and not yet in the changelog
        self.suppressed = BitMap()
        self.log, self.changelog = world.logs[INPUT[place[0]], place[1]], world.changelogs[place]
        self.table = ModelTable({**local, **self.changelog})
        table: Any = self.table
        self.position = world.committed[place]
        self.version = 0 if world.scenario.alone else len(world.instances) % 2  # an upgrade is rolling out
        self.coordinate = Coordinate(DELIVERY, table, METRICS)
        self.allocate = Allocate(DELIVERY, table, PREFIXES, METRICS)

    @property
    def runnable(self) -> bool:
        """Whether it has something to do."""
        return self.running is not None or self.position < len(self.log)

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
            case Generate() | Cancel():
                return intake(self, entry, record)
            case bytes() if step == "store":
                return store(self, entry)
            case bytes() if step == "allocate" and not (self.world.rules.sum_first and self.world.rules.sum_kept):
                event = codec.decode(entry)
                return compact(self, event) if isinstance(event, events.Compact) else self.allocate(record)
            case _:
                return self.coordinate(record) if step == "coordinate" else self.allocate(record)


# The steps that are the model's own


async def intake(me: Instance, request: Generate | Cancel, record: Record) -> None:
    """A request as an event of its task."""
    event: events.TaskEvent
    if isinstance(request, Cancel):
        event = events.CancelRequested(request.task, USER, request.request)
    elif request.body == "broken":
        event = events.TaskRefused(
            task_id=request.task,
            user_id=USER,
            request_id=request.task,
            project_id=None,
            task_name=None,
            type="generate",
            body_hash=request.body.encode(),
            requested_at=record.timestamp,
            code="invalid_request",
            message="broken",
            errors=(),
        )
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
    await DELIVERY.send(Outgoing(topics.TASK_EVENTS, None, codec.encode(event), USER))


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


async def store(me: Instance, value: bytes) -> None:
    """One transaction, then what came of it."""
    batch = codec.decode(value)
    assert isinstance(batch, events.BatchAllocated)
    stored: events.TaskEvent
    if (batch.task_id, batch.batch) == me.world.scenario.poison:
        if not me.world.rules.failures_told:
            return
        stored = events.BatchFailed(batch.task_id, USER, batch.batch, "dead_letter", "poison")
    else:
        count = await act("transaction", batch)
        if count is None:
            stored = events.BatchFailed(batch.task_id, USER, batch.batch, "ledger_conflict", "twice")
        else:
            stored = events.BatchStored(batch.task_id, USER, batch.batch, batch.area_code, batch.asked, count)
    await DELIVERY.send(Outgoing(topics.TASK_EVENTS, None, codec.encode(stored), USER))


def hasty_status(task: Task) -> str:
    """The state of a task that does not wait for what is in flight once it is closing."""
    if task.end is None and task.submitted is not None and task.closing is not None:
        return "cancelled" if task.closing.cancelled else "failed"
    return str(STATUS(task))


STATUS: Callable[[Task], Any] = vars(Task)["status"].func


@dataclass
class World:
    """All topics, tables, instances and the database, and what was found wrong."""

    rules: Rules
    scenario: Scenario
    tick: int = 0
    lost: bool = False
    later: bool = False
    found: dict[str, tuple[tuple[Any, ...], int]] = field(default_factory=dict)
    trace: list[Action] = field(default_factory=list)
    markers: dict[tuple[str, int], int] = field(default_factory=dict)
    rows: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    instances: list[Instance | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs: dict[tuple[str, int], list[Entry]] = {
            (topic, p): [] for topic, count in PARTITIONS.items() for p in range(count)
        }
        places = [(step, p) for step, topic in INPUT.items() for p in range(PARTITIONS[topic])]
        self.committed = dict.fromkeys(places, 0)
        self.changelogs: dict[Place, dict[bytes, bytes]] = {place: {} for place in places}
        self.now: Instance | None = None
        for partition, request in self.scenario.requests:
            self.logs["requests", partition].append(request)
        for place in places:
            self.instances.append(Instance(self, place, {}))

    def __enter__(self) -> "World":
        """Put the model's versions and the rules taken away into the real steps."""
        self._patches: list[Any] = [
            patch("agents.allocate.draw_batch", self.draw_batch),
            patch("agents.coordinate.decide", self.decide),
            patch.object(codec, "decode", DECODE),
        ]
        if not self.rules.drain:
            self._patches.append(patch.object(Task, "status", property(hasty_status)))
        for one in self._patches:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._patches:
            one.stop()

    def draw_batch(self, planned: events.BatchPlanned, space: draw.Space, taken: BitMap) -> BitMap:
        """The real draw, as the version of the plan or of the instance would do it."""
        assert self.now is not None
        version = planned.draw_version if self.rules.draw_pinned else self.now.version
        seeded = replace(planned, draw_version=draw.DRAW_VERSION, seed=f"{planned.seed}/{version}")
        return draw_batch(seeded, self.scenario.drawn_from[planned.area_code], taken | self.now.suppressed)

    def decide(self, task: Task, event: events.TaskEvent, at: int) -> Decision:
        """The real decision, without the rules taken away."""
        if not self.rules.final:
            with patch.object(Task, "ended", property(lambda _: False)):
                return decide(task, event, at)
        decision = decide(task, event, at)
        if not self.rules.cancel_remembered and isinstance(event, events.CancelRequested) and not task.submitted:
            return replace(decision, after=None)
        after = decision.after
        if not self.rules.frontier and after and not after.closing and isinstance(event, events.BatchStored):
            number = event.batch + WINDOW
            if number < after.numbered:
                return replace(decision, batches=(after.planned(number),))
            return replace(decision, batches=tuple(b for b in decision.batches if b.batch >= after.numbered))
        return decision

    def runnable(self) -> list[int]:
        """Numbers of the instances that have something to do."""
        found = [i for i, x in enumerate(self.instances) if x and x.runnable]
        if not found and self.lost:  # the operator's repair
            self.lost = False
            if self.rules.redrive:
                self.logs["task-events", 0] += [codec.encode(events.RedriveRequested(t, USER)) for t in TASKS]
            return self.runnable()
        return found

    def do(self, scheduled: Scheduled) -> None:
        """Do one action of a schedule; one that is not possible now is passed over."""
        (name, at), self.tick = scheduled, self.tick + 1
        if name == "suppress":
            self._suppress(at)
            return
        if name == "later" and self.scenario.late and not self.later:
            self.later = True
            for code in self.scenario.spaces:
                self._compact(code)
            self.logs["requests", 0].append(self.scenario.late)
            return
        if name == "compact":
            self._compact(at)
            return
        x = self.instances[at] if at < len(self.instances) else None
        if x is None:
            return
        self.trace.append((name, *x.place, "owner" if x.owner else "zombie"))
        if name == "run" and x.runnable:
            self._run(x)
        elif name == "commit" and x.owner:
            self.committed[x.place] = x.position
        elif name == "lose" and x.place[0] == "store" and x.running is None and x.runnable:
            x.position, self.lost = x.position + 1, True
        elif name in ("crash", "restart", "zombie"):
            if name != "zombie":
                self.instances[at] = None
            if x.owner:
                self.instances.append(Instance(self, x.place, x.table.local if name == "restart" else {}))
            x.owner = False

    def _suppress(self, readers: Iterable[int]) -> None:
        if (record := self.scenario.suppress) is None:
            return
        self.trace.append(("suppress", record))
        if self.rules.suppressions_in_log:
            change = events.Suppressed(record.code, record.name, None, False, BitMap(record.numbers).serialize())
            self.logs["batches", partition_of(record.code, "batches")].append(codec.encode(change))
            return
        for i in readers:  # some instances have read the other topic, some have not
            if i < len(self.instances) and (x := self.instances[i]) is not None:
                x.suppressed = BitMap(record.numbers)

    def _compact(self, code: str) -> None:
        """An operator's command: put together what of an area code nobody will ask for again."""
        partition = partition_of(code, "batches")
        facts = [
            key.removeprefix(facts_prefix(code)).decode()
            for key in self.changelogs["allocate", partition]
            if key.startswith(facts_prefix(code))
        ]
        if self.rules.compacts_quiet:
            loud = self._loud_after_all_retention(partition)
            facts = [fact for fact in facts if fact.partition("|")[0] not in loud]
        if facts:
            command = events.Compact(code, f"c{self.tick}", tuple(sorted(facts)))
            self.trace.append(("compact", command))
            self.logs["batches", partition].append(codec.encode(command))

    def _loud_after_all_retention(self, partition: int) -> set[str]:
        """Zombies are gone and offsets committed by then; left are tasks that run, and batches not yet read."""
        for i, x in enumerate(self.instances):
            if x and x.owner:
                self.committed[x.place] = x.position
            else:
                self.instances[i] = None
        loud = {t for t in TASKS if f"{USER}|{t}|end".encode() not in self.changelogs["coordinate", 0]}
        for value in self.logs["batches", partition][self.committed["allocate", partition] :]:
            assert isinstance(value, bytes)
            loud.add(getattr(codec.decode(value), "task_id", ""))
        return loud

    def _run(self, x: Instance) -> None:
        """One atomic action of one instance."""
        self.now = x
        if x.half is not None:
            action, x.half = x.half, None
            self._write(x, action)
            return
        if x.running is None:
            x.running, x.answer = x.start(), None
        try:
            action = x.running.send(x.answer)
        except StopIteration:
            x.running, x.position = None, x.position + 1
            return
        except RecordError as error:
            self.expect(False, "dead letter", str(error))
            x.running, x.position = None, x.position + 1
            return
        x.answer = None
        self.trace[-1] += action
        if action[0] == "send":
            _, topic, key, value = action
            self.logs[topic, partition_of(key, topic)].append(value)
        elif action[0] == "transaction":
            x.answer = self.transaction(action[1])
        else:
            x.half = action

    def _write(self, x: Instance, action: Action) -> None:
        """The changelog record of a write."""
        self.trace[-1] += ("changelog", *action)
        name, key, *value = action
        if name == "remove":
            x.changelog.pop(key, None)
            return
        known = x.changelog.get(key, value[0])
        self.expect(known == value[0], "two values for one fact", key, readable(known), readable(value[0]))
        x.changelog[key] = value[0]

    def transaction(self, batch: events.BatchAllocated) -> int | None:
        """Rows that are durable; None where the database holds a number already."""
        marker = batch.task_id, batch.batch
        count = len(BitMap.deserialize(batch.numbers))
        if not self.expect(self.markers.get(marker, count) == count, "another content of a stored batch", batch):
            return None
        if marker not in self.markers:
            rows = [(batch.area_code, number) for number in BitMap.deserialize(batch.numbers)]
            for row in rows:
                if not self.expect(row not in self.rows, "number twice", row, self.rows.get(row), marker):
                    return None
            self.rows.update(dict.fromkeys(rows, marker))
            self.markers[marker] = count
        return self.markers[marker]

    def expect(self, holds: bool, kind: str, *detail: Any) -> bool:
        """Note a violation unless it holds."""
        if not holds:
            self.found.setdefault(kind, (detail, len(self.trace)))
        return holds


def partition_of(key: str, topic: str) -> int:
    """Area codes 201 to 203 over two partitions, the one user in one."""
    return int(key) % 2 if PARTITIONS[topic] > 1 else 0


def readable(value: Any) -> Any:
    """Events for their bytes, for traces."""
    if not isinstance(value, bytes):
        return value
    try:
        event = codec.decode(value)
    except codec.CodecError:
        return value
    return (event.at, event.sent, codec.decode(event.event)) if isinstance(event, events.Fact) else event
