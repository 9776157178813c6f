"""Faults of worker processes."""

import shutil
import time
from random import Random

from chaos.fault import Fault
from chaos.system import System

BATCHES_BEHIND = 20  # at least


class KillWorker(Fault):
    """kill -9 of a worker, which its supervisor starts again."""

    def strike(self, system: System, chance: Random) -> str:
        """Once; then wait until it is ready."""
        worker = chance.choice(system.workers)
        worker.crash()
        system.wait_for_work()
        worker.wait_ready()
        return f"{worker.name} killed"


class LoseWorker(Fault):
    """kill -9 of a worker that stays away until another has its partitions."""

    def strike(self, system: System, chance: Random) -> str:
        """The others take over once its session has expired; it comes back as to a running group."""
        worker = chance.choice(system.workers)
        seconds = system.settings.session_timeout_seconds + chance.uniform(1, 3)
        worker.kill()
        time.sleep(seconds)
        worker.start()
        worker.wait_ready()
        return f"{worker.name} away for {seconds:.1f} s"


class TerminateWorker(Fault):
    """SIGTERM of a worker, which is started again."""

    def strike(self, system: System, chance: Random) -> str:
        """It finishes what it has in hand and leaves the group."""
        worker = chance.choice(system.workers)
        worker.stop()
        worker.start()
        worker.wait_ready()
        return f"{worker.name} ended and started"


class EmptyState(Fault):
    """kill -9 of a worker that comes back with an empty state directory."""

    def strike(self, system: System, chance: Random) -> str:
        """As on another machine: it recovers its tables from the changelogs."""
        worker = chance.choice(system.workers)
        worker.kill()
        shutil.rmtree(worker.state)
        worker.start()
        worker.wait_ready()
        return f"{worker.name} lost its state"


class StaleState(Fault):
    """A worker that comes back with the state directory of a moment ago."""

    def strike(self, system: System, chance: Random) -> str:
        """As from a backup: a copy is made while it is away, it works on, is killed, and begins with the copy."""
        worker = chance.choice(system.workers)
        copy = worker.state.with_name(f"{worker.name}.copy")
        worker.stop()
        shutil.copytree(worker.state, copy)
        worker.start()
        worker.wait_ready()
        system.wait_for_work(BATCHES_BEHIND)
        worker.kill()
        shutil.rmtree(worker.state)
        copy.rename(worker.state)
        worker.start()
        worker.wait_ready()
        return f"{worker.name} began {BATCHES_BEHIND} batches or more behind"


class Zombie(Fault):
    """SIGSTOP of a worker for longer than its session, then SIGCONT."""

    def strike(self, system: System, chance: Random) -> str:
        """Another takes its partitions over and works on them; then it wakes up in the middle of a batch."""
        worker = chance.choice(system.workers)
        seconds = system.settings.session_timeout_seconds * 1.5 + 2 + chance.random()
        worker.pause()
        time.sleep(seconds)
        worker.resume()
        system.wait_for_work()
        worker.wait_ready()
        return f"{worker.name} stopped for {seconds:.1f} s"
