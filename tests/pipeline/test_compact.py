"""Which old facts are put together or let go: a function of the facts and of a moment."""

from collections.abc import Iterable

from pipeline import quota
from pipeline.compact import FACTS_A_COMMAND, LEDGER_AGE, TaskFacts, compactions, drawn_for, forgotten, tasks_of
from schemas import codec
from schemas.events import CancelRequested, Compact, Fact, TaskForgotten

BEFORE = 1_000


def fact(at: int) -> bytes:
    """A fact of a task, left at this moment."""
    return codec.encode(Fact(at, 0, codec.encode(CancelRequested("t", "ann", "c"))))


def put_together(facts: Iterable[str], *old: str, fewest: int = 1) -> list[Compact]:
    """The commands for these facts of an area code."""
    return list(compactions("212", facts, old, "n", fewest))


def test_facts_of_tasks_that_ended_long_ago_are_put_together() -> None:
    """Sums as well as batches; those of all other tasks stay."""
    assert put_together(["t|1", "t|0", "sum|old", "runs|0", "tt|0"], "t", "u") == [
        Compact("212", "n-0", ("sum|old", "t|0", "t|1"))
    ]
    assert drawn_for(["t|1", "t|0", "sum|old", "runs|0"]) == {"t", "runs"}


def test_few_facts_are_left_as_they_are() -> None:
    """They are read in no time."""
    facts = [f"t|{number}" for number in range(9)]
    assert put_together(facts, "t", fewest=10) == []
    assert len(put_together([*facts, "sum|x"], "t", fewest=10)) == 1


def test_many_facts_take_several_commands_each_from_the_sum_before() -> None:
    """Every fact in one of them, none too large, and one sum is left."""
    facts = [f"t|{number}" for number in range(2 * FACTS_A_COMMAND + 3)]
    commands = put_together(facts, "t")
    assert [command.name for command in commands] == ["n-0", "n-1", "n-2"]
    assert [command.facts[0] for command in commands[1:]] == ["sum|n-0", "sum|n-1"]
    named = [name for command in commands for name in command.facts if not name.startswith("sum|")]
    assert sorted(named) == sorted(facts)
    assert max(len(command.facts) for command in commands) == FACTS_A_COMMAND + 1


def test_the_age_is_beyond_every_record_that_asks_for_a_batch() -> None:
    """Those of batches are kept longest."""
    assert LEDGER_AGE.days == 14


def test_tasks_are_let_go_when_all_that_is_known_of_them_is_old() -> None:
    """Ended, or never begun; a task that runs stays, however old."""
    facts = {
        b"ann|ended|plan": fact(1),
        b"ann|ended|end": fact(999),
        b"ann|recent|plan": fact(1),
        b"ann|recent|end": fact(1_000),
        b"ann|runs|plan": fact(1),
        b"ann|runs|batch|000000": fact(1),
        b"bob|refused|refused|00ff": fact(5),
        b"bob|unknown|cancel": fact(2_000),
        quota.fact_key("bob", 1, "recent"): b"100",  # no fact of a task
        b"__faust\0offset__": b"7",
    }
    tasks = list(tasks_of(facts))
    assert [task.task_id for task in tasks if task.running] == ["runs"]
    assert tasks[0] == TaskFacts("ann", "ended", ("end", "plan"), 999, submitted=True, ended=True)
    assert list(forgotten(tasks, BEFORE)) == [
        TaskForgotten("ended", "ann", ("end", "plan")),
        TaskForgotten("refused", "bob", ("refused|00ff",)),
    ]


def test_a_task_with_many_refusals_is_let_go_by_several_commands() -> None:
    """Each fits into a message; what tells that it has ended stays until the last."""
    refusals = [f"refused|{number:064x}" for number in range(2_500)]
    (task,) = tasks_of({f"ann|t|{name}".encode(): fact(1) for name in ("plan", "end", *refusals)})
    commands = list(forgotten([task], BEFORE))
    assert [len(command.facts) for command in commands] == [1_000, 1_000, 502]
    assert {"end", "plan"} < set(commands[-1].facts)
    assert sorted(name for command in commands for name in command.facts) == sorted(task.names)
    assert max(len(codec.encode(command)) for command in commands) < 1 << 20
