"""Which old facts are put together or let go: a function of the facts and of a moment."""

from pipeline.compact import FACTS_A_COMMAND, LEDGER_AGE, TaskFacts, compactions, forgotten, tasks_of
from schemas import codec
from schemas.events import CancelRequested, Compact, Fact, TaskForgotten

BEFORE = 1_000


def fact(at: int) -> bytes:
    """A fact of a task, left at this moment."""
    return codec.encode(Fact(at, 0, codec.encode(CancelRequested("t", "ann", "c"))))


def put_together(ages: dict[bytes, int], *running: str, fewest: int = 1) -> list[Compact]:
    """The commands for these facts of the ledger."""
    return list(compactions(ages, frozenset(running), BEFORE, "n", fewest))


def test_old_facts_are_put_together_by_area_code() -> None:
    """Sums as well as batches; young ones, those of running tasks and suppressions stay."""
    ages = {
        b"212|t|0": 1,
        b"212|t|1": 999,
        b"212|t|2": 1_000,
        b"212|sum|old": 5,
        b"212|runs|0": 1,
        b"415|t|3": 1,
        b"suppressed|212|00000000|c": 1,
    }
    assert put_together(ages, "runs") == [
        Compact("212", "n-0", ("sum|old", "t|0", "t|1")),
        Compact("415", "n-0", ("t|3",)),
    ]


def test_few_facts_are_left_as_they_are() -> None:
    """They are read in no time."""
    ages = {b"212|t|%d" % number: 1 for number in range(9)}
    assert put_together(ages, fewest=10) == []
    assert len(put_together(ages | {b"212|sum|x": 1}, fewest=10)) == 1


def test_many_facts_take_several_commands_each_from_the_sum_before() -> None:
    """Every fact in one of them, none too large, and one sum is left."""
    ages = {b"212|t|%d" % number: 1 for number in range(2 * FACTS_A_COMMAND + 3)}
    commands = put_together(ages)
    assert [command.name for command in commands] == ["n-0", "n-1", "n-2"]
    assert [command.facts[0] for command in commands[1:]] == ["sum|n-0", "sum|n-1"]
    named = [name for command in commands for name in command.facts if not name.startswith("sum|")]
    assert sorted(named) == sorted(key.decode().removeprefix("212|") for key in ages)
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
    }
    tasks = list(tasks_of(facts))
    assert [task.task_id for task in tasks if task.running] == ["runs"]
    assert tasks[0] == TaskFacts("ann", "ended", ("end", "plan"), 999, submitted=True, ended=True)
    assert list(forgotten(tasks, BEFORE)) == [
        TaskForgotten("ended", "ann", ("end", "plan")),
        TaskForgotten("refused", "bob", ("refused|00ff",)),
    ]
