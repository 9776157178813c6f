"""One run a directory: a lock that a server's processes inherit, so that it is held until all are gone."""

import fcntl
import os
import time
from pathlib import Path
from typing import Self

from embedded.errors import DirectoryInUseError

# longer than a guard gives its server to stop
_ORPHAN_STOPS_WITHIN_SEC = 70.0


class DirectoryLock:
    """Holds `directory` from `acquire` on, until it and every process that inherited `fileno()` is closed."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def acquire(cls, directory: Path) -> Self:
        """Take the lock of an existing directory.

        Blocks only where the run that held it is gone and its server is still stopping.
        Raises `DirectoryInUseError` where another run holds it.
        """
        fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _ORPHAN_STOPS_WITHIN_SEC
            while not _try_lock(fd):
                holder = _read_holder(fd)
                if holder is None or process_exists(holder) or time.monotonic() > deadline:
                    raise DirectoryInUseError(directory, holder)
                time.sleep(0.05)
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        return cls(fd)

    def fileno(self) -> int:
        """The descriptor to hand to the processes that must share the lock."""
        return self._fd

    def close(self) -> None:
        """Give up this process's share."""
        os.close(self._fd)


def process_exists(pid: int) -> bool:
    """Whether a process of this id exists, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(fd: int) -> int | None:
    text = os.pread(fd, 20, 0)
    return int(text) if text.isdigit() else None
