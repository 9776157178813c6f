"""What is sent to the steps by nobody's request: by operators, and by what a worker runs beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from pipeline.allocate import facts_prefix
from pipeline.compact import compactions, forgotten, tasks_of
from pipeline.dead_letters import Headers, Letter, Origin
from schemas import codec, events
from tests.model.processes import Instance
from tests.model.scenario import INPUT, TASKS, USER, Entry, partition_of

if TYPE_CHECKING:
    from tests.model.world import World


class Operators:
    """Which facts are put together or let go, and which letters may be sent again, the real functions decide."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.letters: list[tuple[Letter, Entry]] = []
        self.resent: set[tuple[str, int, int]] = set()  # step, partition, position

    def redrive(self) -> None:
        """Send again whatever is in flight of every task."""
        self._send("task-events", 0, *(codec.encode(events.RedriveRequested(task, USER)) for task in TASKS))

    def suppress(self, readers: Iterable[int]) -> None:
        """Numbers that are not to be given out from now on; readers: who has heard of it without the rule."""
        world = self._world
        if (record := world.scenario.suppress) is None:
            return
        world.trace.append(("suppress", record))
        if world.rules.suppressions_in_log:
            change = events.Suppressed(record.code, record.name, None, False, BitMap(record.numbers).serialize())
            self._send("batches", partition_of(record.code, "batches"), codec.encode(change))
            return
        for i in readers:
            if i < len(world.instances) and isinstance(x := world.instances[i], Instance):
                x.suppressed = BitMap(record.numbers)

    def compact(self, code: str) -> None:
        """Put together what of an area code nobody will ask for again."""
        world, partition, prefix = self._world, partition_of(code, "batches"), facts_prefix(code)
        loud = self._loud("batches") if world.rules.compacts_quiet else set[str]()
        keys = [key for key in self._local("allocate", partition) if key.startswith(prefix)]
        names = [key.removeprefix(prefix).decode() for key in keys]
        name = f"c{world.tick}" if world.rules.sums_apart else "c"
        for command in compactions(code, names, set(TASKS) - loud, name, fewest=1):
            world.trace.append(("compact", command))
            self._send("batches", partition, codec.encode(command))

    def forget(self) -> None:
        """Let go of tasks of which nothing will come again."""
        loud = self._loud(*INPUT.values()) if self._world.rules.forgets_quiet else set[str]()
        if self._world.rules.forgets_quiet:
            self.letters.clear()  # they are kept for a shorter time than a task
        for command in forgotten(tasks_of(self._local("coordinate", 0)), 1 << 62):
            if command.task_id not in loud:
                self._world.trace.append(("forget", command))
                self._send("task-events", 0, codec.encode(command))

    def give_up(self, me: Instance, entry: Entry, headers: Headers) -> None:
        """A dead letter, and the record that it holds; of one that was sent again in vain, none that counts."""
        if not me.mended:
            origin = Origin(INPUT[me.place[0]], me.place[1], me.position)
            letter = Letter(origin, 0, me.place[0], "StepFailed", "", "", "", None, None, headers)
            self.letters.append((letter, entry))

    def replay(self) -> None:
        """Send letters again whose program is mended, long after the last commit; those that may be."""
        world = self._world
        world.commit()
        for letter, entry in self.letters[:]:
            step = next(step for step, topic in INPUT.items() if topic == letter.origin.topic)
            if world.committed[step, letter.origin.partition] > letter.origin.offset:
                self.letters.remove((letter, entry))
                if letter.why_kept() is None or not world.rules.told_letters_stay:
                    world.trace.append(("replay", str(letter.origin)))
                    position = len(world.logs[letter.origin.topic, letter.origin.partition])
                    self.resent.add((step, letter.origin.partition, position))
                    self._send(letter.origin.topic, letter.origin.partition, entry)

    def _send(self, topic: str, partition: int, *entries: Entry) -> None:
        self._world.logs[topic, partition] += entries

    def _local(self, *place: Any) -> dict[bytes, bytes]:
        """The local store of whoever has a partition."""
        owners = (x for x in self._world.instances if isinstance(x, Instance) and x.owner)
        return next(x.table.local for x in owners if x.place == place)

    def _loud(self, *names: str) -> set[str]:
        """When all that these topics keep has expired: tasks that run, and those of records not yet read.

        Zombies are gone and offsets committed by then.
        """
        world = self._world
        living = {x.process for x in world.instances if isinstance(x, Instance) and x.owner}
        for i, x in enumerate(world.instances):
            if x is not None and x.process not in living:
                world.kill(i)
        world.commit()
        loud = {task for task in TASKS if f"{USER}|{task}|end".encode() not in world.changelogs["coordinate", 0]}
        for (step, partition), position in world.committed.items():
            if INPUT[step] in names:
                for entry in world.logs[INPUT[step], partition][position:]:
                    event = codec.decode(entry) if isinstance(entry, bytes) else entry
                    loud |= {getattr(event, name, "") for name in ("task_id", "task", "target")}
        return loud
