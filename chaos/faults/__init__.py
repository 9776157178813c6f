"""All faults, in the order of the documents. A new one is one small class, and a line here."""

from chaos.fault import Fault
from chaos.faults.away import BrokerAway, PostgresAway
from chaos.faults.disk import FullDisk
from chaos.faults.network import CutConnections, HalfClosed, SlowConnections, Unreachable
from chaos.faults.servers import KillBroker, KillGateway, KillOneOfThreeBrokers, KillPostgres
from chaos.faults.upgrade import RollingUpgrade
from chaos.faults.workers import EmptyState, KillWorker, LoseWorker, StaleState, TerminateWorker, Zombie

FAULTS: tuple[type[Fault], ...] = (
    KillWorker,
    LoseWorker,
    TerminateWorker,
    Zombie,
    EmptyState,
    StaleState,
    KillBroker,
    KillPostgres,
    KillGateway,
    CutConnections,
    Unreachable,
    BrokerAway,
    PostgresAway,
    SlowConnections,
    HalfClosed,
    FullDisk,
    RollingUpgrade,
    KillOneOfThreeBrokers,
)
