"""What `numberline compact` says that it does."""

from numberline.compact import Found
from schemas.events import TaskForgotten


def test_a_task_that_several_commands_let_go_of_counts_once() -> None:
    """One command does not hold all the refusals that a task may have; another user's task is another one."""
    refusals, rest = TaskForgotten("t", "ann", ("refused|00",)), TaskForgotten("t", "ann", ("end", "plan"))
    assert Found(0, (), (refusals, rest, TaskForgotten("t", "bob", ("end", "plan")))).tasks == 2
