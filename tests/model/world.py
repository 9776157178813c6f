"""Model of the delivery protocol around the real steps coordinate and allocate: topics, tables, PostgreSQL, faults.

A step is a coroutine. Every message that it sends and every changelog record or transaction that it waits for is
one atomic action, and anything may happen between two; `explore.py` walks through the interleavings. Enrich is
left out: a pure function of its record. Intake, store, judge and what is handed over within a process are the
model's own, a few lines each; which facts are put together or let go, and which dead letters may be sent again, the
real functions decide.

Faults: crash (the successor has the changelog), restart (and a local store ahead of it), zombie (replaced, but
goes on reading and writing with its old state; only its commits are refused), lose (a record expired unread; an
operator redrives the tasks afterwards). Everything replays from the last committed offset. In between come
compactions, tasks that are let go, and dead letters that are sent again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import numpy as np
from pyroaring import BitMap

from pipeline import draw
from pipeline.allocate import draw_batch, facts_prefix
from pipeline.compact import compactions, forgotten, tasks_of
from pipeline.coordinate import Decision, decide
from pipeline.dead_letters import Headers, Letter, Origin
from pipeline.errors import RecordError
from pipeline.task import Task
from schemas import codec, events
from tests.model.processes import Handed, Instance, Process
from tests.model.scenario import (
    INPUT,
    PARTITIONS,
    TASKS,
    USER,
    WINDOW,
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

DECODE = lru_cache(10_000)(codec.decode)  # a third of the time of a walk


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
    resent: set[tuple[str, int, int]] = field(default_factory=set)  # step, partition, position
    found: dict[str, tuple[tuple[Any, ...], int]] = field(default_factory=dict)
    trace: list[Action] = field(default_factory=list)
    markers: dict[tuple[str, int], int] = field(default_factory=dict)
    rows: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    judged: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)
    plans: dict[bytes, bytes] = field(default_factory=dict)  # every fact `plan` that there ever was
    letters: list[tuple[Letter, Entry]] = field(default_factory=list)
    instances: list[Instance | Handed | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs: dict[tuple[str, int], list[Entry]] = {
            (topic, p): [] for topic, count in PARTITIONS.items() for p in range(count)
        }
        places = [(step, p) for step, topic in INPUT.items() for p in range(PARTITIONS[topic])]
        self.committed = dict.fromkeys(places, 0)
        self.changelogs: dict[Place, dict[bytes, bytes]] = {place: {} for place in places}
        self.now: Instance | Handed | None = None
        for partition, request in self.scenario.requests:
            self.logs["requests", partition].append(request)
        processes = {place: Process() for place in places}
        for step, partition in places:
            of = "allocate" if step == "store" else step  # these two in one, for each partition
            self.instances.append(Instance(self, (step, partition), {}, processes[of, partition]))

    def __enter__(self) -> "World":
        """Put the model's versions and the rules taken away into the real steps."""
        self._patches: list[Any] = [
            patch("agents.allocate.draw_batch", self.draw_batch),
            patch("agents.coordinate.decide", self.decide),
            patch.object(codec, "decode", DECODE),
            patch("pipeline.compact.FACTS_A_COMMAND", 2),
        ]
        if not self.rules.end_last:
            self._patches.append(patch("agents.coordinate.let_go_in_order", list))
        if not self.rules.judged_whole:
            self._patches.append(patch("agents.coordinate.refused_while_running", lambda *_: None))
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
        assert isinstance(self.now, Instance)
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
            self._forget()
            self.logs["requests", 0] += [self.scenario.late, Validate("x", "t")]
            return
        if name == "compact":
            self._compact(at)
        elif name == "forget":
            self._forget()
        elif name == "replay":
            self._replay()
        elif name != "later" and at < len(self.instances) and (x := self.instances[at]) is not None:
            self.trace.append((name, *x.place, "owner" if x.owner else "zombie"))
            self._act(name, x)

    def _act(self, name: str, x: Instance | Handed) -> None:
        """What happens to one that runs."""
        if name == "run" and x.runnable:
            self._run(x)
        elif name in ("crash", "restart", "zombie"):
            self._replace(x.process, name)
        elif isinstance(x, Instance) and name == "commit" and x.owner:
            self.committed[x.place] = x.position
        elif isinstance(x, Instance) and name == "lose" and x.expires:
            x.position, self.lost = x.position + 1, True

    def _replace(self, process: Process, name: str) -> None:
        """All that lives in a process is gone, or without its partitions; its successor has them."""
        successor = Process()
        for i, x in enumerate(self.instances[:]):
            if x is None or x.process is not process:
                continue
            if name != "zombie":
                self.instances[i] = None
            if isinstance(x, Instance) and x.owner:
                x.owner = False
                local = x.table.local if name == "restart" else {}
                self.instances.append(Instance(self, x.place, local, successor))

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

    def _local(self, *place: Any) -> dict[bytes, bytes]:
        """The local store of whoever has a partition."""
        return next(
            x.table.local for x in self.instances if isinstance(x, Instance) and x.owner and x.place == place
        )

    def _compact(self, code: str) -> None:
        """What a worker or an operator sends: put together what of an area code nobody will ask for again."""
        partition, prefix = partition_of(code, "batches"), facts_prefix(code)
        loud = self._loud("batches") if self.rules.compacts_quiet else set[str]()
        keys = [key for key in self._local("allocate", partition) if key.startswith(prefix)]
        names = [key.removeprefix(prefix).decode() for key in keys]
        name = f"c{self.tick}" if self.rules.sums_apart else "c"
        for command in compactions(code, names, set(TASKS) - loud, name, fewest=1):
            self.trace.append(("compact", command))
            self.logs["batches", partition].append(codec.encode(command))

    def _forget(self) -> None:
        """What a worker sends: let go of tasks of which nothing will come again."""
        loud = self._loud(*INPUT.values()) if self.rules.forgets_quiet else set[str]()
        if self.rules.forgets_quiet:
            self.letters.clear()  # they are kept for a shorter time than a task
        for command in forgotten(tasks_of(self._local("coordinate", 0)), 1 << 62):
            if command.task_id not in loud:
                self.trace.append(("forget", command))
                self.logs["task-events", 0].append(codec.encode(command))

    def _loud(self, *names: str) -> set[str]:
        """When all that these topics keep has expired: tasks that run, and those of records not yet read.

        Zombies are gone and offsets committed by then.
        """
        living = {x.process for x in self.instances if isinstance(x, Instance) and x.owner}
        for i, x in enumerate(self.instances):
            if x is not None and x.process not in living:
                self.instances[i] = None
        self._commit()
        loud = {t for t in TASKS if f"{USER}|{t}|end".encode() not in self.changelogs["coordinate", 0]}
        for (step, partition), position in self.committed.items():
            if INPUT[step] in names:
                for entry in self.logs[INPUT[step], partition][position:]:
                    event = codec.decode(entry) if isinstance(entry, bytes) else entry
                    loud |= {getattr(event, name, "") for name in ("task_id", "task", "target")}
        return loud

    def _commit(self) -> None:
        for x in self.instances:
            if isinstance(x, Instance) and x.owner:
                self.committed[x.place] = x.position

    def give_up(self, me: Instance, entry: Entry, headers: Headers) -> None:
        """A dead letter, and the record that it holds; of one that was sent again in vain, none that counts."""
        if me.mended:
            return
        origin = Origin(INPUT[me.place[0]], me.place[1], me.position)
        self.letters.append((Letter(origin, 0, me.place[0], "StepFailed", "", "", "", None, None, headers), entry))

    def _replay(self) -> None:
        """What an operator does whose program is mended, long after the last commit: sends again what may be."""
        self._commit()
        for letter, entry in self.letters[:]:
            step = next(step for step, topic in INPUT.items() if topic == letter.origin.topic)
            if self.committed[step, letter.origin.partition] > letter.origin.offset:
                self.letters.remove((letter, entry))
                if letter.why_kept() is None or not self.rules.told_letters_stay:
                    self.trace.append(("replay", str(letter.origin)))
                    log = self.logs[letter.origin.topic, letter.origin.partition]
                    self.resent.add((step, letter.origin.partition, len(log)))
                    log.append(entry)

    def _run(self, x: Instance | Handed) -> None:
        """One atomic action of one that runs."""
        self.now = x
        if isinstance(x, Instance) and x.half is not None:
            action, x.half = x.half, None
            self._write(x, action)
            return
        if x.running is None:
            x.running, x.answer = x.start(), None
        try:
            action = x.running.send(x.answer)
        except StopIteration:
            self._done(x)
            return
        except RecordError as error:
            self.expect(False, "dead letter", str(error))
            self._done(x)
            return
        x.answer = None
        self.trace[-1] += action
        match action:
            case "send", topic, key, value:
                self.logs[topic, partition_of(key, topic)].append(value)
            case "hand", batch:
                self._hand(x, batch)
            case "transaction", batch:
                x.answer = self.transaction(batch)
            case "judge", planned:
                x.answer = self.judge(planned)
            case (("put" | "remove"), *_):
                assert isinstance(x, Instance)
                x.half = action

    def _done(self, x: Instance | Handed) -> None:
        x.running = None
        if isinstance(x, Handed):
            x.done = True
        else:
            x.position += 1

    def _hand(self, x: Instance | Handed, batch: events.BatchAllocated) -> None:
        """To the store of the same process, which begins at once; unless it has it already."""
        identity = batch.task_id, batch.batch
        if isinstance(x, Instance) and identity not in x.process.handed:
            x.process.handed[identity] = handed = Handed(x, batch)
            self.instances.append(handed)

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

    def judge(self, planned: events.ValidationPlanned) -> dict[str, int] | None:
        """Verdicts that are durable, by their marker; None where the numbers are not those that were planned."""
        batch = planned.task_id, planned.batch
        if not (self.rules.judged_once and batch in self.judged):
            held = list(self.markers.values())
            if sum(held[one] for one in np.frombuffer(planned.batch_ids, "<i4").tolist()) != planned.size:
                return None
            valid = self.tick % (planned.size + 1)  # whatever is found when it is looked at
            self.judged[batch] = {"valid": valid, "unassigned_block": planned.size - valid}
        return self.judged[batch]

    def expect(self, holds: bool, kind: str, *detail: Any) -> bool:
        """Note a violation unless it holds."""
        if not holds:
            self.found.setdefault(kind, (detail, len(self.trace)))
        return holds
