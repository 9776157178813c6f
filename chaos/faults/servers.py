"""Faults of the broker, of PostgreSQL and of the gateway."""

import os
import signal
import time
from random import Random
from typing import ClassVar

from chaos.fault import Fault
from chaos.system import System
from chaos.waiting import wait_until

AWAY_SECONDS = 2.0  # at most: a server that is killed is started again by its supervisor
BATCHES_WITHOUT = 10  # stored while a broker is away
IN_SYNC_SECONDS = 60.0


class KillBroker(Fault):
    """kill -9 of the Kafka broker, which is started again."""

    def strike(self, system: System, chance: Random) -> str:
        """Its data stays; its clients go on by themselves or end and are started again."""
        away = chance.uniform(0, AWAY_SECONDS)
        (broker,) = system.brokers
        broker.kill()
        time.sleep(away)
        broker.start()
        system.wait_for_work()
        return f"away for {away:.1f} s"


class KillOneOfThreeBrokers(Fault):
    """kill -9 of each of three brokers in turn; the other two go on."""

    brokers = 3
    killed: ClassVar[int] = 3

    def strike(self, system: System, chance: Random) -> str:
        """Work goes on while one is away: two copies of three are enough. It has all its copies before the next."""
        order = chance.sample(system.brokers, self.killed)
        for broker in order:
            broker.kill()
            system.wait_for_work(BATCHES_WITHOUT)
            broker.start()
            wait_until(system.in_sync, IN_SYNC_SECONDS, "third copy of every partition")
        return f"{len(order)} in turn, {BATCHES_WITHOUT} batches or more without each"


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
