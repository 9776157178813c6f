"""Supervision, where a process cannot be started again at once."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from numberline import processes
from numberline.processes import ManagedProcess
from tests.processes import wait_until


class Run:
    """A run of a process: over when its event is set."""

    pid = 1 << 22  # one more than the greatest id that Linux gives a process

    def __init__(self, over: threading.Event) -> None:
        self._over = over

    def alive(self) -> bool:
        """Nobody is sent a signal."""
        return False

    def wait(self) -> int:
        """Killed."""
        self._over.wait()
        return 137

    def stop(self) -> None:
        """At once."""
        self._over.set()


def test_a_start_that_fails_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no memory for a moment: the supervision ended with it, without a word."""
    over, second = threading.Event(), threading.Event()
    over.set()
    starts: list[Callable[[], Run]] = [lambda: Run(over), no_memory, lambda: Run(second)]
    monkeypatch.setattr(processes, "GuardedProcess", lambda *_, **__: starts.pop(0)())
    said: list[str] = []
    managed = ManagedProcess("one", "worker", {}, tmp_path / "one.log", said.append)
    managed.start()
    try:
        wait_until(lambda: not starts, 10, "third start")
    finally:
        managed.stop()
    assert "one ended with 137, starts again in 0.05 s" in said[0]
    assert "one could not be started: [Errno 12] Cannot allocate memory, starts again in 0.1 s" in said[1]


def no_memory() -> Run:
    """What fork says."""
    raise OSError(errno.ENOMEM, "Cannot allocate memory")
