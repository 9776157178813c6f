"""What a run finds, as values: figures by part, the account of its rows, and where it ran."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.stats import Spread, spread


@dataclass(frozen=True)
class Figure:
    """One measured quantity: a value a repetition, in `unit`; "x" is a ratio to the floor of that repetition.

    samples: measurements behind each value. goal: what the median must not exceed; None for information.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    samples: int = 1
    goal: float | None = None

    @property
    def spread(self) -> Spread:
        """Median and range over the repetitions."""
        return spread(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        return None if self.goal is None else self.spread.median <= self.goal


@dataclass(frozen=True)
class Account:
    """Numbers of all tasks of a part: asked for, reported by `task_completed`, counted in PostgreSQL at the end.

    disagreeing: tasks of which the three are not equal.
    """

    tasks: int = 0
    asked: int = 0
    reported: int = 0
    stored: int = 0
    disagreeing: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartResult:
    """What one part found. method: how it was measured, sentences for the reader. seconds: how long it took."""

    name: str
    title: str
    method: tuple[str, ...]
    figures: tuple[Figure, ...]
    account: Account
    seconds: float


@dataclass(frozen=True)
class Results:
    """One run. about: machine, versions, command line and revision, by name.

    scale: 1 for the sizes that the goals are for; at any other no goal is judged.
    """

    about: Mapping[str, str]
    scale: float
    repeat: int
    parts: tuple[PartResult, ...]

    @property
    def judged(self) -> bool:
        """Whether the sizes are those that the goals are for."""
        return self.scale == 1

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """Tasks whose rows asked for, reported and stored are not equally many."""
        return tuple(task for part in self.parts for task in part.account.disagreeing)
