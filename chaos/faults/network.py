"""Faults of the connections to the broker and to PostgreSQL."""

import time
from random import Random

from chaos.fault import Fault
from chaos.proxy import Proxies, Proxy
from chaos.system import System

TIMES, PAUSE_SECONDS = 4, 0.7


def _either(system: System, chance: Random) -> tuple[str, Proxy | Proxies]:
    servers: list[tuple[str, Proxy | Proxies]] = [
        ("the broker", system.kafka_proxy),
        ("PostgreSQL", system.postgres_proxy),
    ]
    return chance.choice(servers)


class CutConnections(Fault):
    """Connections to the broker or to PostgreSQL are cut, again and again."""

    def strike(self, system: System, chance: Random) -> str:
        """All at once each time; whoever connects again is let in."""
        name, proxy = _either(system, chance)
        for _ in range(TIMES):
            proxy.cut()
            time.sleep(PAUSE_SECONDS)
        system.wait_for_work()
        return f"{name}, {TIMES} times"


class Unreachable(Fault):
    """The broker or PostgreSQL lets nobody in for a few seconds."""

    def strike(self, system: System, chance: Random) -> str:
        """As behind a firewall that was changed: cut, and refused."""
        name, proxy = _either(system, chance)
        seconds = chance.uniform(2, 4)
        proxy.refuse()
        time.sleep(seconds)
        proxy.accept()
        system.wait_for_work()
        return f"{name} for {seconds:.1f} s"


class SlowConnections(Fault):
    """What the broker or PostgreSQL answers comes late."""

    def strike(self, system: System, chance: Random) -> str:
        """Every piece of it, for a few seconds."""
        name, proxy = _either(system, chance)
        seconds = chance.uniform(0.05, 0.2)
        proxy.delay(seconds)
        try:
            time.sleep(TIMES * PAUSE_SECONDS)
        finally:
            proxy.delay(0)
        system.wait_for_work()
        return f"{name} by {seconds * 1000:.0f} ms"


class HalfClosed(Fault):
    """Connections to the broker or to PostgreSQL are closed one way."""

    def strike(self, system: System, chance: Random) -> str:
        """The server hears that its client is gone, while the client still reads."""
        name, proxy = _either(system, chance)
        for _ in range(TIMES):
            proxy.half_close()
            time.sleep(PAUSE_SECONDS)
        system.wait_for_work()
        return f"{name}, {TIMES} times"
