"""What there is to judge a run by: what was asked, what the topics and PostgreSQL hold, what users heard."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from schemas import codec, events

BatchId = tuple[str, int]  # task and number of the batch


@dataclass(frozen=True)
class Entry:
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @cached_property
    def event(self) -> events.Event | None:
        """Its value as an event; None where it is none."""
        try:
            return codec.decode(self.value or b"")
        except codec.CodecError:
            return None

    @property
    def content(self) -> object:
        """What it says, in whichever version of the schemas; its bytes where it is no event."""
        if isinstance(self.event, events.Fact):
            return self.event.at, self.event.sent, codec.decode(self.event.event)
        return self.event or self.value

    def header(self, name: str) -> str:
        """The text of a header, empty without it."""
        return (dict(self.headers).get(name) or b"").decode()


@dataclass(frozen=True)
class StoredBatch:
    """A batch in PostgreSQL: what its marker says, and the numbers of its rows, E.164, ascending."""

    area_code: str
    count: int
    numbers: npt.NDArray[np.int64]


@dataclass(frozen=True)
class TaskRow:
    """A task as SQL users see it."""

    status: str
    succeeded: int


@dataclass(frozen=True)
class Heard:
    """What one user's sockets said of a task, in order. processed: None where the message does not say."""

    task_id: str
    type: str
    processed: int | None = None


@dataclass
class History:
    """Everything, from the first round on. log: entries by topic, without the namespace, in order of offset.

    asked: quantity by task. broken: values of requests that were sent to be refused.
    """

    asked: dict[str, int] = field(default_factory=dict)
    broken: set[bytes] = field(default_factory=set)
    log: dict[str, list[Entry]] = field(default_factory=dict)
    batches: dict[BatchId, StoredBatch] = field(default_factory=dict)
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)

    def entries(self, topic: str) -> list[Entry]:
        """Of one topic."""
        return self.log.get(topic, [])

    def ledger(self) -> dict[BatchId, tuple[str, BitMap]]:
        """The facts of the ledger, out of its changelog: area code, and the numbers of the batch."""
        facts: dict[BatchId, tuple[str, BitMap]] = {}
        for entry in self.entries(LEDGER):
            area_code, task, batch = (entry.key or b"").decode().split("|")
            if entry.value is not None:
                facts[task, int(batch)] = area_code, BitMap.deserialize(entry.value)
        return facts

    def last_progress(self) -> dict[str, events.TaskProgress]:
        """The state of each task that has the highest sequence."""
        newest: dict[str, events.TaskProgress] = {}
        for entry in self.entries("progress"):
            event = entry.event
            if isinstance(event, events.TaskProgress):
                known = newest.get(event.task_id)
                if known is None or known.sequence < event.sequence:
                    newest[event.task_id] = event
        return newest


LEDGER = "ledger-changelog"
TASKS = "tasks-changelog"


def e164_numbers(area_code: str, numbers: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Numbers of an area code in full, ascending."""
    return np.sort(numbering.e164(area_code, np.asarray(numbers, np.uint32)))
