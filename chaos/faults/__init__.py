"""All faults, in the order of the documents. A new one is one small class, and a line here."""

from chaos.fault import Fault
from chaos.faults.workers import KillWorker, Zombie

FAULTS: tuple[type[Fault], ...] = (KillWorker, Zombie)
