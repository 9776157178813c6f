"""What is asked of the small world of the model, and which rules of the protocol hold in it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipeline import draw
from pipeline.validation import without_numbers
from schemas import codec, events

WINDOW, BATCH = 2, 2
USER, TASKS = "ann", "tuvwx"
INPUT = {
    "intake": "requests",
    "coordinate": "task-events",
    "allocate": "batches",
    "store": "allocations",
    "judge": "validations",
}
PARTITIONS = dict.fromkeys(("requests", "batches", "allocations"), 2) | dict.fromkeys(
    ("task-events", "validations", "progress", "audit"), 1
)


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol, each of which can be taken away."""

    acks_wait: bool = True  # a record is acked when all that its step sends and writes is acknowledged
    suppressions_in_log: bool = True  # a suppression is a record of the log that the draw reads
    draw_pinned: bool = True  # the plan names the version of the drawing algorithm (rolling upgrades)
    plan_pure: bool = True  # the plan is a function of the request, not of the usage seen at the moment
    fact_first: bool = True  # allocate sends what is a fact by then
    fact_last: bool = True  # coordinate writes the fact of what it has sent by then
    one_writer: bool = True  # what is said of a task goes through task-events to coordinate; else refusals do not
    one_partition: bool = True  # all workers find the partition of a key by one function
    frontier: bool = True  # with k stored, the first window + k are sent; else i + window after i
    drain: bool = True  # a task ends when nothing of it is in flight; else a cancel or a failure ends it at once
    final: bool = True  # what arrives for a task that has ended changes nothing
    cancel_remembered: bool = True  # a cancel that overtakes its task leaves a fact
    failures_told: bool = True  # a batch that becomes a dead letter is also told to coordinate
    redrive: bool = True  # an operator's command sends again whatever of a task is in flight
    sum_first: bool = True  # old facts are deleted when the sum that stands for them is durable
    sum_kept: bool = True  # a sum that is there is written again, and never made anew
    sums_apart: bool = True  # no two commands give their sums one name
    compacts_quiet: bool = True  # only facts are put together whose batch nobody will ask for again
    end_last: bool = True  # of a task that is let go, the fact of its end goes last
    forgets_quiet: bool = True  # only a task is let go of which nothing will come again
    copies_wait: bool = True  # a copy waits for what was handed over, and is done again where that failed
    leaves_settled: bool = True  # whoever gives partitions away waits for what was handed over, then commits it
    told_letters_stay: bool = True  # the dead letter of a batch whose task was told is not sent again
    marked: bool = True  # a batch whose marker is there is not stored again
    judged_once: bool = True  # a batch that was judged before reports what its marker says
    judged_whole: bool = True  # a task is judged when it has ended, so that its numbers are all there
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
class Validate:
    """A request to judge what a task has made."""

    task: str
    target: str


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
    requests: tuple[tuple[int, Generate | Cancel | Validate], ...]
    suppress: Suppress | None = None
    poison: tuple[str, int] | None = None  # a batch that the store cannot process
    late: Generate | None = None  # asked for when all retention is over and old facts are put together
    alone: bool = False  # one task and only faults: its numbers must not depend on them

    @cached_property
    def drawn_from(self) -> dict[str, draw.Space]:
        """The spaces as the real draw takes them."""
        return {code: draw.Space(np.array(numbers), 1) for code, numbers in self.spaces.items()}


Entry = bytes | Generate | Cancel | Validate
Action = tuple[Any, ...]
Scheduled = tuple[str, Any]
Place = tuple[str, int]


def partition_of(key: str, topic: str) -> int:
    """Area codes 201 to 203 over two partitions, the one user in one."""
    return int(key) % 2 if PARTITIONS[topic] > 1 else 0


def kept(value: bytes) -> Any:
    """A fact without what its task's end takes away: a plan needs no list then."""
    fact = readable(value)
    if isinstance(fact, tuple) and isinstance(fact[2], events.ValidationSubmitted):
        return *fact[:2], without_numbers(fact[2])
    return value


def readable(value: Any) -> Any:
    """Events for their bytes, for traces."""
    if not isinstance(value, bytes):
        return value
    try:
        event = codec.decode(value)
    except codec.CodecError:
        return value
    return (event.at, event.sent, codec.decode(event.event)) if isinstance(event, events.Fact) else event
