"""The life of an embedded server, whichever it is: locked directory, data, readiness, stop, kill."""

import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from embedded.account import Account, give_to, own_account
from embedded.errors import StartFailedError
from embedded.lock import DirectoryLock
from embedded.process import GuardedProcess

_POLL_SEC = 0.02
_TAIL_LINES = 20


class Server(ABC):
    """A server whose files are in `STATE_DIR/name`, and which never outlives this process.

    Not for use by several threads at once. After `kill` or a crash, `start` brings it back with the same
    data at the same address; `stop` ends its hold of the directory.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, state_dir: str | os.PathLike[str], ready_within_sec: float) -> None:
        self.home = Path(state_dir).resolve() / self.name
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self._ready_within_sec = ready_within_sec
        self._account = own_account()
        self._lock: DirectoryLock | None = None
        self._process: GuardedProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server itself, not of its guard.

        Raises `RuntimeError` where it is not started, or was stopped or killed.
        """
        if self._process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self._process.pid

    def alive(self) -> bool:
        """Whether the server's process exists."""
        return self._process is not None and self._process.alive()

    def start(self) -> None:
        """Start the server, unless it runs, and return when it answers; the first start makes the data.

        Raises `EmbeddedError`; then nothing is left running.
        """
        if self.alive():
            return
        self._end_process()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._lock or DirectoryLock.acquire(self.home)
        try:
            if self.log.exists():
                self.log.replace(self.log.with_name("server.log.1"))
            self._account = self._choose_account()
            give_to(self._account, self.home)
            self._prepare()
            self._make_data()
            self._process = self._launch(self._command())
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server gracefully, if it runs; returns when it is gone."""
        self._end_process()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """SIGKILL the server, as a fault would; returns when all its processes are gone."""
        if self._process is not None:
            self._process.kill()
        self._end_process()

    @abstractmethod
    def _prepare(self) -> None:
        """Find or fetch what the server needs; raise an `EmbeddedError` where it could not run."""

    @abstractmethod
    def _format(self, directory: Path) -> None:
        """Make the data of a new server in an empty directory."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The server's command line, with an absolute path of the program; it runs in `home`."""

    @abstractmethod
    def _ready(self) -> bool:
        """Whether the running server answers clients; must not block for more than a second."""

    def _choose_account(self) -> Account:
        return own_account()

    def _run(self, command: Sequence[str]) -> None:
        """Run a program of the server's to its end."""
        if status := self._launch(command).wait():
            raise self._failure(f"{Path(command[0]).name} ended with status {status}")

    def _launch(self, command: Sequence[str]) -> GuardedProcess:
        assert self._lock is not None
        try:
            return GuardedProcess(
                command,
                account=self._account,
                stop_signal=self.stop_signal,
                home=self.home,
                log=self.log,
                lock=self._lock,
            )
        except ChildProcessError as error:
            raise self._failure(str(error)) from None

    def _make_data(self) -> None:
        if self.data.exists():
            return
        # renamed when whole: an interrupted first start leaves nothing half made
        new = self.home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        give_to(self._account, new)
        self._format(new)
        new.rename(self.data)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._ready_within_sec
        while not self._ready():
            if not self.alive():
                raise self._failure("it ended")
            if time.monotonic() > deadline:
                raise self._failure(f"not ready within {self._ready_within_sec:g} s")
            time.sleep(_POLL_SEC)

    def _failure(self, reason: str) -> StartFailedError:
        lines = self.log.read_text(errors="replace").splitlines()
        return StartFailedError(self.name, reason, self.log, "\n".join(lines[-_TAIL_LINES:]))

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


def merge_settings(
    defaults: Mapping[str, str], wanted: Mapping[str, str] | None, own: Collection[str]
) -> dict[str, str]:
    """`defaults` with `wanted` on top.

    Raises `ValueError` where `wanted` has one of the `own` names, which keep the server local and in place.
    """
    if taken := sorted(set(wanted or ()) & set(own)):
        raise ValueError(f"{', '.join(taken)}: set by the embedded server itself, cannot be overridden")
    return {**defaults, **(wanted or {})}
