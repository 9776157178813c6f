"""One process of an installation under supervision: started again, with a growing pause, when it exits."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.markup import escape

from embedded.account import own_account
from embedded.lock import DirectoryLock
from embedded.process import GuardedProcess

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 10.0
HEALTHY_SECONDS = 30.0  # after so long a run the pause begins anew
REFUSED_STATUS = 2
TAIL_BYTES = 2000


class ManagedProcess:
    """`numberline COMMAND` with an environment of its own and its output in a log.

    say: told when it ends and is started again. module: another one that has the command.
    """

    def __init__(
        self,
        name: str,
        command: str,
        environment: dict[str, str],
        log: Path,
        say: Callable[[str], None],
        module: str = "numberline",
    ) -> None:
        self.name, self.log, self._module = name, log, module
        self._command, self._environment, self._say = command, environment, say
        self._stopping = threading.Event()
        self._refused = threading.Event()
        self._beginning = threading.Lock()
        self._process: GuardedProcess | None = None
        self._lock: DirectoryLock | None = None
        self._thread = threading.Thread(target=self._supervise, name=name, daemon=True)

    def start(self) -> None:
        """Start it, and go on starting it."""
        home = self.log.parent / self.name
        home.mkdir(exist_ok=True)
        self._lock = DirectoryLock.acquire(home)
        self.log.write_bytes(b"")
        self._begin()
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    def refused(self) -> str | None:
        """Its last words, where it exited as one that a person must look at."""
        if not self._refused.is_set():
            return None
        return self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()

    def ask_to_stop(self) -> None:
        """Tell it to end; `stop` waits for that."""
        with self._beginning:
            self._stopping.set()
            if self._process is not None and self._process.alive():
                with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                    os.kill(self._process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """End it, and with it the supervision."""
        self.ask_to_stop()
        if self._process is not None:
            self._process.stop()
            self._thread.join()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """SIGKILL it, as a fault would, and end the supervision."""
        with self._beginning:
            self._stopping.set()
            if self._process is not None:
                self._process.kill()
        self.stop()

    def _begin(self) -> bool:
        """Start the process, unless it is not wanted any more."""
        assert self._lock is not None
        with self._beginning:
            if self._stopping.is_set():
                return False
            self._process = GuardedProcess(
                [sys.executable, "-m", self._module, self._command],
                account=own_account(),
                stop_signal=signal.SIGTERM,
                home=Path.cwd(),
                log=self.log,
                lock=self._lock,
                environment=os.environ | self._environment,
            )
        return True

    def _supervise(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._process is not None:
            started = time.monotonic()
            status = self._process.wait()
            if self._stopping.is_set():
                return
            if status == REFUSED_STATUS:
                self._refused.set()
                return
            if time.monotonic() - started > HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            what = f"ended with {status}"
            while what:
                self._say(
                    f"[yellow]{self.name} {what}, starts again in {pause:.2g} s[/] (see {escape(str(self.log))})"
                )
                if self._stopping.wait(pause):
                    return
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                try:
                    if not self._begin():
                        return
                    what = ""
                except OSError as error:  # no memory or no file left for another process, perhaps only just now
                    what = f"could not be started: {escape(str(error))}"
