"""The broker or PostgreSQL is away for longer than any step waits."""

import re
import time
from pathlib import Path
from random import Random
from typing import ClassVar

from chaos.errors import ChaosError
from chaos.fault import Fault
from chaos.proxy import Proxies, Proxy
from chaos.system import System

LOOK_SECONDS = 0.25
SAID_SECONDS = 30.0  # more, at most, until a worker has said so, which it does late on a busy machine
MOST_GROWTH_MIB = 64.0  # of a process, over what it had before


class _Away(Fault):
    """What the two have in common. lacks: what `/readyz` of a worker says. seconds: for how long it is away."""

    lacks: ClassVar[str]
    seconds: ClassVar[float] = 60.0

    def server(self, system: System) -> Proxy | Proxies:
        """What stands in front of it."""
        raise NotImplementedError

    def strike(self, system: System, chance: Random) -> str:
        """Workers wait, then end and are started again until it is back. Memory stays what it was."""
        before, said = _memory(system), False
        most: dict[str, float] = {}
        proxy, until = self.server(system), time.monotonic() + self.seconds
        proxy.refuse()
        try:
            while (now := time.monotonic()) < until or (not said and now < until + SAID_SECONDS):
                said = said or any(self.lacks in worker.missing() for worker in system.workers)
                for name, mebibytes in _memory(system).items():
                    most[name] = max(mebibytes, most.get(name, 0.0))
                time.sleep(LOOK_SECONDS)
        finally:
            proxy.accept()
        if not said:
            raise ChaosError(f"no worker said at /readyz that {self.lacks}")
        system.wait_for_work()
        for worker in system.workers:
            worker.wait_ready()
        grown = {name: most[name] - before[name] for name in before}
        for name, growth in grown.items():
            if growth > MOST_GROWTH_MIB:
                raise ChaosError(f"the memory of {name} grew by {growth:.0f} MiB while a server was away")
        return (
            f"for {self.seconds:g} s; memory {_range(before)} before, {_range(most)} at most, "
            f"{_range(_memory(system))} after"
        )


class BrokerAway(_Away):
    """The broker is away for a minute: no client can reach it."""

    lacks = "Kafka does not answer"

    def server(self, system: System) -> Proxies:
        """In front of the broker."""
        return system.kafka_proxy


class PostgresAway(_Away):
    """PostgreSQL is away for a minute: no client can reach it."""

    lacks = "PostgreSQL does not answer"

    def server(self, system: System) -> Proxy:
        """In front of PostgreSQL."""
        return system.postgres_proxy


def _memory(system: System) -> dict[str, float]:
    """Resident memory of the workers and the gateway, MiB; without one that has just ended."""
    pids = {worker.name: worker.pid for worker in system.workers} | {"gateway": system.gateway.pid}
    found = {}
    for name, pid in pids.items():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if resident := re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE):
            found[name] = int(resident[1]) / 1024
    return found


def _range(memory: dict[str, float]) -> str:
    return f"{min(memory.values()):.0f} to {max(memory.values()):.0f} MiB"
