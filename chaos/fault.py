"""What a fault is: a name, and a strike that does the harm and undoes it."""

import re
from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from chaos.system import System


class Fault(ABC):
    """One kind of harm. Its docstring says what it is, in the report's words. brokers: how many it needs."""

    brokers: ClassVar[int] = 1

    @classmethod
    def name(cls) -> str:
        """What `--fault` calls it: the class's name with hyphens."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """The first line of its docstring, without the full stop."""
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")

    @abstractmethod
    def strike(self, system: System, chance: Random) -> str:
        """Do it while work goes on, and leave everything started again; what was done, for the report.

        Blocks. Whatever it decides comes from `chance`. Raises ChaosError where the system does not come back.
        """
