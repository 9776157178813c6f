"""Faults of the broker, of PostgreSQL and of the gateway."""

import os
import signal
import time
from random import Random

from chaos.fault import Fault
from chaos.system import System

AWAY_SECONDS = 2.0  # at most: a server that is killed is started again by its supervisor


class KillBroker(Fault):
    """kill -9 of the Kafka broker, which is started again."""

    def strike(self, system: System, chance: Random) -> str:
        """Its data stays; its clients go on by themselves or end and are started again."""
        away = chance.uniform(0, AWAY_SECONDS)
        system.kafka.kill()
        time.sleep(away)
        system.kafka.start()
        system.wait_for_work()
        return f"away for {away:.1f} s"


class KillPostgres(Fault):
    """kill -9 of PostgreSQL, which is started again."""

    def strike(self, system: System, chance: Random) -> str:
        """What was committed stays, what was not is rolled back."""
        away = chance.uniform(0, AWAY_SECONDS)
        system.postgres.kill()
        time.sleep(away)
        system.postgres.start()
        system.wait_for_work()
        return f"away for {away:.1f} s"


class KillGateway(Fault):
    """kill -9 of the gateway, which its supervisor starts again."""

    def strike(self, system: System, chance: Random) -> str:
        """Its clients connect again, and hear no smaller count than before."""
        os.kill(system.gateway.pid, signal.SIGKILL)
        system.wait_for_gateway()
        return "once"
