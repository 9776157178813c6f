"""Which old facts are put together or let go, and by which commands: a function of the facts and of what is old."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pipeline import quota
from pipeline.coordinate import REFUSED
from pipeline.ledger import SUM
from schemas import codec, topics
from schemas.events import Compact, Fact, TaskForgotten

# older than any record that could ask for the batch again: a duplicate would draw anew
LEDGER_AGE = max(topic.retention for topic in (topics.BATCHES, topics.TASK_EVENTS) if topic.retention)
TASK_AGE = timedelta(days=45)
FACTS_A_COMMAND = 128  # their partition waits while they are put together
FEWEST_FACTS = 64  # fewer are read in no time
REFUSALS_A_COMMAND = 1_000  # which has to fit into a message; a task may have any number of them


@dataclass(frozen=True)
class TaskFacts:
    """Whose they are, their names, and when they were left (ms), as far as that can be told; whether it ended."""

    user_id: str
    task_id: str
    names: tuple[str, ...]
    newest: int
    submitted: bool
    ended: bool

    @property
    def running(self) -> bool:
        """Whether something of it may still be in flight."""
        return self.submitted and not self.ended


def tasks_of(facts: Mapping[bytes, bytes]) -> Iterator[TaskFacts]:
    """The tasks of a partition of the table `tasks`, whose keys are ``user|task|name``; quotas are left out."""
    grouped: dict[tuple[str, str], dict[str, bytes]] = {}
    for key, value in facts.items():
        if is_of_task(key):
            user, task, name = key.decode().split("|", 2)
            grouped.setdefault((user, task), {})[name] = value
    for (user, task), named in grouped.items():
        times = [_time_of(value) for name, value in named.items() if not name.startswith("batch|")]
        yield TaskFacts(user, task, tuple(sorted(named)), max(times, default=0), "plan" in named, "end" in named)


def is_of_task(key: bytes) -> bool:
    """Whether a key of the table `tasks` is a task's: not a quota's, nor one of Faust's own."""
    return key.count(b"|") >= 2 and not key.startswith(quota.MARK)


def _time_of(value: bytes) -> int:
    fact = codec.decode(value)
    assert isinstance(fact, Fact)
    return fact.at


def forgotten(tasks: Iterable[TaskFacts], before: int) -> Iterator[TaskForgotten]:
    """Of tasks that came to an end before a moment (ms), or never began: all their facts are let go.

    Where one command cannot hold all, refusals go first, and what tells that it has ended by the last one.
    """
    for task in tasks:
        if task.running or task.newest >= before:
            continue
        refusals = [name for name in task.names if name.startswith(f"{REFUSED}|")]
        slices = [refusals[at : at + REFUSALS_A_COMMAND] for at in range(0, len(refusals), REFUSALS_A_COMMAND)]
        for names in slices[:-1]:
            yield TaskForgotten(task.task_id, task.user_id, tuple(names))
        rest = {*task.names}.difference(*slices[:-1])
        yield TaskForgotten(task.task_id, task.user_id, tuple(sorted(rest)))


def let_go_in_order(names: Iterable[str]) -> list[str]:
    """The end last: without it, what a worker leaves that dies in the middle would be a task that runs."""
    return sorted(names, key=lambda name: name == "end")


def drawn_for(facts: Iterable[str]) -> frozenset[str]:
    """The tasks whose batches these facts of the ledger are, ``task|batch`` each; sums are nobody's."""
    return frozenset(fact.partition("|")[0] for fact in facts) - {SUM}


def compactions(
    area_code: str, facts: Iterable[str], old: Collection[str], name: str, fewest: int = FEWEST_FACTS
) -> Iterator[Compact]:
    """What puts facts of an area code into one.

    facts: ``task|batch`` or ``sum|name``. old: tasks that ended so long ago that nothing asks for their batches
    again; those of others stay as they are. name: of the sum, one that no other command has or will have. Where
    one command cannot hold all, the next goes on from the sum of the one before.
    """
    chosen_tasks = {SUM, *old}
    chosen = sorted(fact for fact in facts if fact.partition("|")[0] in chosen_tasks)
    if len(chosen) >= fewest:
        yield from _chained(area_code, chosen, name)


def _chained(area_code: str, facts: list[str], name: str) -> Iterator[Compact]:
    before: tuple[str, ...] = ()
    for number, at in enumerate(range(0, len(facts), FACTS_A_COMMAND)):
        sum_name = f"{name}-{number}"
        yield Compact(area_code, sum_name, (*before, *facts[at : at + FACTS_A_COMMAND]))
        before = (f"{SUM}|{sum_name}",)
