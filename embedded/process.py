"""A server's process as its starter sees it: run by a guard, so that it never outlives the starter."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded import guard
from embedded.account import Account
from embedded.lock import DirectoryLock, process_exists


class GuardedProcess:
    """A program under a guard, from construction on, in directory `home` and with its output in `log`.

    Its processes share `lock`. environment: its own, or this process's.
    Raises `ChildProcessError` where it cannot be run; the log says why.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        account: Account,
        stop_signal: signal.Signals,
        home: Path,
        log: Path,
        lock: DirectoryLock,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        arguments = [str(int(stop_signal)), str(os.getpid()), account.name, *command]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, *arguments],
                bufsize=0,
                cwd=home,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                pass_fds=[lock.fileno()],
                # Ctrl-C in a terminal is for this process, which then stops the server
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        told = self._guard.stdout.readline()
        if not told:
            self.stop()
            raise ChildProcessError(f"{Path(command[0]).name} could not be run")
        self.pid = int(told)

    def alive(self) -> bool:
        """Whether the program's process exists."""
        return self._guard.poll() is None and process_exists(self.pid)

    def wait(self) -> int:
        """The program's exit status, once it and all that it started are gone."""
        with self._guard:
            return self._guard.wait()

    def stop(self) -> None:
        """Stop the program gracefully, if it runs; returns when all that it started is gone."""
        # leaving the block closes the guard's stdin, its order to stop, and waits for its end
        with self._guard:
            pass

    def kill(self) -> None:
        """SIGKILL the program, if it runs; returns when all that it started is gone."""
        assert self._guard.stdin is not None
        # through its parent, so that it cannot hit another process that got the same id
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(guard.KILL)
        self.wait()
