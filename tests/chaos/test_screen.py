"""What a run says on the way."""

from io import StringIO

from rich.console import Console

from chaos.faults import FAULTS
from chaos.schedule import Round
from chaos.screen import Screen
from chaos.suite import RoundResult


def test_a_violation_is_said_as_it_is() -> None:
    """It quotes what topics hold, which may look like markup."""
    out = StringIO()
    violation = "a dead letter of intake: got [/x] [bold]b :x:"
    result = RoundResult(Round(1, FAULTS[0], 2, 7), "once", 1, 10, 1.0, 0, (violation,))
    Screen(Console(file=out, width=200), 1).ended(result)
    assert violation in out.getvalue()
