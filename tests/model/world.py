"""Model of the delivery protocol around the real steps coordinate and allocate and the real handoff.

A step is a coroutine. Every message that it sends and every changelog record or transaction that it waits for is
one atomic action, and anything may happen between two; `explore.py` walks through the interleavings, and
`invariants.py` says what must hold in the end. Enrich is left out: a pure function of its record. Intake, store and
judge are the model's own, a few lines each (`steps.py`); which facts are put together or let go, and which dead
letters may be sent again, the real functions decide (`operators.py`). `removed.py` takes rules away.

Faults: crash (the successor has the changelog), restart (and a local store ahead of it), leave (partitions are
given away properly), zombie (replaced, but goes on reading and writing with its old state; only its commits are
refused), lose (a record expired unread; an operator redrives the tasks afterwards). Everything replays from the
last committed offset. In between come compactions, tasks that are let go, and dead letters that are sent again.
"""

import contextlib
from dataclasses import dataclass, field
from typing import Any

from agents.records import Outgoing, Record
from pipeline.errors import RecordError
from tests.model.database import Database
from tests.model.operators import Operators
from tests.model.processes import Beside, Instance, Process, Running
from tests.model.removed import steps_of
from tests.model.scenario import (
    INPUT,
    PARTITIONS,
    Action,
    Entry,
    Place,
    Rules,
    Scenario,
    Scheduled,
    Validate,
    kept,
    partition_of,
    readable,
)
from tests.model.shells import ModelLoop
from tests.model.steps import leave


@dataclass
class World:
    """All topics, tables, processes and the database, and what was found wrong."""

    rules: Rules
    scenario: Scenario
    tick: int = 0
    lost: bool = False
    later: bool = False
    found: dict[str, tuple[tuple[Any, ...], int]] = field(default_factory=dict)
    trace: list[Action] = field(default_factory=list)
    plans: dict[bytes, bytes] = field(default_factory=dict)  # every fact `plan` that there ever was
    instances: list[Instance | Beside | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs: dict[tuple[str, int], list[Entry]] = {
            (topic, p): [] for topic, count in PARTITIONS.items() for p in range(count)
        }
        places = [(step, p) for step, topic in INPUT.items() for p in range(PARTITIONS[topic])]
        self.committed = dict.fromkeys(places, 0)
        self.changelogs: dict[Place, dict[bytes, bytes]] = {place: {} for place in places}
        self.database, self.operators = Database(self.expect, self.rules), Operators(self)
        self.loop = ModelLoop(self)
        self.now: Instance | Beside | None = None
        for partition, request in self.scenario.requests:
            self.logs["requests", partition].append(request)
        processes = {place: Process(self) for place in places}
        for step, partition in places:
            of = "allocate" if step == "store" else step  # these two in one, for each partition
            self.instances.append(Instance(self, (step, partition), {}, processes[of, partition]))

    def __enter__(self) -> "World":
        """Steps, while this lasts, are as this world has them."""
        self._steps = contextlib.ExitStack()
        self._steps.enter_context(steps_of(self))
        return self

    def __exit__(self, *_: object) -> None:
        for i in range(len(self.instances)):
            self.kill(i)
        self._steps.close()

    def runnable(self) -> list[int]:
        """Numbers of the instances that have something to do."""
        found = [i for i, x in enumerate(self.instances) if x and x.runnable]
        if not found and self.lost:  # the operator's repair
            self.lost = False
            if self.rules.redrive:
                self.operators.redrive()
            return self.runnable()
        return found

    def instances_of(self, process: Process) -> list[Instance]:
        """The steps that a process has the partitions of."""
        return [x for x in self.instances if isinstance(x, Instance) and x.owner and x.process is process]

    def do(self, scheduled: Scheduled) -> None:
        """Do one action of a schedule; one that is not possible now is passed over."""
        (name, at), self.tick = scheduled, self.tick + 1
        match name:
            case "suppress":
                self.operators.suppress(at)
            case "compact":
                self.operators.compact(at)
            case "forget":
                self.operators.forget()
            case "replay":
                self.operators.replay()
            case "later":
                self._later()
            case _:
                if at < len(self.instances) and (x := self.instances[at]) is not None:
                    self.trace.append((name, *x.place, "owner" if x.owner else "zombie"))
                    self._act(name, x)

    def _later(self) -> None:
        """All retention is over."""
        if self.scenario.late and not self.later:
            self.later = True
            for code in self.scenario.spaces:
                self.operators.compact(code)
            self.operators.forget()
            self.logs["requests", 0] += [self.scenario.late, Validate("x", "t")]

    def _act(self, name: str, x: Instance | Beside) -> None:
        """What happens to one that runs."""
        if name == "run" and x.runnable:
            self._run(x)
        elif name in ("crash", "restart", "zombie"):
            self.replace(x.process, name)
        elif name == "leave":
            self._leave(x.process)
        elif isinstance(x, Instance) and name == "commit" and x.owner:
            ahead = x.running is not None and not self.rules.acks_wait
            self.committed[x.place] = x.position + ahead
        elif isinstance(x, Instance) and name == "lose" and x.expires:
            x.position, self.lost = x.position + 1, True

    def _leave(self, process: Process) -> None:
        """Steps that are at work go on until they are through; so does what was handed over."""
        own = self.instances_of(process)
        if own and not process.leaves and not any(x.running for x in own):
            process.leaves = True
            self.instances.append(Beside(self, "leave", own[0].place[1], process, leave(self, process)))

    def replace(self, process: Process, name: str) -> None:
        """All that lives in a process is gone, or without its partitions; its successor has them."""
        successor = Process(self)
        for i, x in enumerate(self.instances[:]):
            if x is None or x.process is not process:
                continue
            if name != "zombie":
                self.kill(i)
            if isinstance(x, Instance) and x.owner:
                x.owner = False
                local = x.table.local if name == "restart" else {}
                self.instances.append(Instance(self, x.place, local, successor))

    def kill(self, number: int) -> None:
        """Whatever an instance is at, it goes no further."""
        x, self.instances[number] = self.instances[number], None
        if x is not None and x.running is not None and x is not self.now:
            x.running.close()

    def commit(self) -> None:
        """All that owners are through with."""
        for x in self.instances:
            if isinstance(x, Instance) and x.owner:
                self.committed[x.place] = x.position

    def run_beside(self, name: str, running: Running) -> Beside:
        """Something more in the process that runs now."""
        assert self.now is not None
        task = Beside(self, name, self.now.place[1], self.now.process, running)
        self.instances.append(task)
        return task

    def _run(self, x: Instance | Beside) -> None:
        """One atomic action of one that runs."""
        self.now = x
        if isinstance(x, Instance) and x.half is not None:
            action, x.half = x.half, None
            self._write(x, action)
            return
        if x.running is None:
            assert isinstance(x, Instance)
            x.running, x.answer = x.start(), None
        try:
            action = x.running.send(x.answer)
        except StopIteration as end:
            x.end(end.value)
            return
        except RecordError as error:
            self.expect(False, "dead letter", str(error))
            x.end(None)
            return
        self.trace[-1] += action[:1] if action[0] == "wait" else action
        x.answer = self._done(x, action)

    def _done(self, x: Instance | Beside, action: Action) -> Any:
        """Do it; what the step is answered."""
        match action:
            case "send", topic, key, value:
                other = not self.rules.one_partition and isinstance(x, Instance) and x.version
                log = self.logs[topic, 0 if other else partition_of(key, topic)]
                log.append(value)
                return len(log) - 1
            case "hand", message:
                x.process.handoff.offer(handed(message, x))
            case "placed", message, offset:
                x.process.handoff.placed(handed(message, x), offset)
            case "wait", task:
                x.waits = task
            case "store", batch:
                return self.database.store(batch)
            case "judge", planned:
                return self.database.judge(planned, self.tick)
            case (("put" | "remove"), *_):
                assert isinstance(x, Instance)
                x.half = action
        return None

    def _write(self, x: Instance, action: Action) -> None:
        """The changelog record of a write."""
        self.trace[-1] += ("changelog", *action)
        name, key, *value = action
        if name == "remove":
            x.changelog.pop(key, None)
            return
        if key.endswith(b"|plan"):
            self.plans.setdefault(key, value[0])
        known = x.changelog[key] if key in x.changelog else value[0]
        same = kept(known) == kept(value[0])
        self.expect(same, "two values for one fact", key, readable(known), readable(value[0]))
        x.changelog[key] = value[0]

    def expect(self, holds: bool, kind: str, *detail: Any) -> bool:
        """Note a violation unless it holds."""
        if not holds:
            self.found.setdefault(kind, (detail, len(self.trace)))
        return holds


def handed(message: Outgoing, by: Instance | Beside) -> Record:
    """A message as it is handed to the next step."""
    return Record(message.topic.name, by.place[1], -1, 0, message.key, message.value, message.headers)
