"""Faults of worker processes."""

import time
from random import Random

from chaos.fault import Fault
from chaos.system import System


class KillWorker(Fault):
    """kill -9 of a worker, which its supervisor starts again."""

    def strike(self, system: System, chance: Random) -> str:
        """Once; then wait until it is ready."""
        worker = chance.choice(system.workers)
        worker.crash()
        system.wait_for_work()
        worker.wait_ready()
        return f"{worker.name} killed"


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
