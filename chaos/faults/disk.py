"""A full disk under a worker's local state."""

import resource
import time
from random import Random

from chaos.fault import Fault
from chaos.system import System
from chaos.workers import Worker

FULL_SECONDS, LOOK_SECONDS = 3.0, 0.05


class FullDisk(Fault):
    """A worker's disk is full for a few seconds: no file of it can grow."""

    def strike(self, system: System, chance: Random) -> str:
        """By the limit of the size of its files (needs no root): what it appends to its store is refused.

        The same for every process that its supervisor starts meanwhile; then there is room again.
        """
        worker = chance.choice(system.workers)
        full: dict[int, tuple[int, int]] = {}
        until = time.monotonic() + FULL_SECONDS
        while time.monotonic() < until:
            _fill(worker, full)
            time.sleep(LOOK_SECONDS)
        for pid, before in full.items():
            _limit(pid, before)
        worker.wait_ready()
        system.wait_for_work()
        return f"{worker.name} for {FULL_SECONDS:g} s, {len(full)} processes met it"


def _fill(worker: Worker, full: dict[int, tuple[int, int]]) -> None:
    """Let the process that runs now write no file beyond its beginning."""
    if worker.pid not in full and (before := _limit(worker.pid, None)) is not None:
        full[worker.pid] = before
        _limit(worker.pid, (0, before[1]))


def _limit(pid: int, limits: tuple[int, int] | None) -> tuple[int, int] | None:
    """Set a process's limit of file size, or ask for it; None where the process is gone."""
    try:
        return (
            resource.prlimit(pid, resource.RLIMIT_FSIZE)
            if limits is None
            else resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        )
    except (ProcessLookupError, PermissionError):
        return None
