"""Supervision, where a process does not wait to be told."""

from pathlib import Path
from types import SimpleNamespace

from numberline.processes import ManagedProcess

NOBODY = 1 << 22  # one more than the greatest id that Linux gives a process


def test_a_process_that_ends_by_itself_as_it_is_told_to_is_stopped_all_the_same(tmp_path: Path) -> None:
    """Else those after it would not be told, and `numberline up` would end with a stack trace."""
    process = ManagedProcess("one", "worker", {}, tmp_path / "one.log", print)
    process._process = SimpleNamespace(pid=NOBODY, alive=lambda: True)  # type: ignore[assignment]
    process.ask_to_stop()
