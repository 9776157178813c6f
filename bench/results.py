"""What a run finds, as values: figures by part, the account of its rows, and where it ran."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.stats import Spread, spread


@dataclass(frozen=True)
class Figure:
    """One measured quantity: a value a repetition, in `unit`; "x" is a ratio to the floor of that repetition.

    samples: measurements behind each value. goal: what the median must not exceed, with at_least what it must not
    fall below; None for information.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    samples: int = 1
    goal: float | None = None
    at_least: bool = False

    @property
    def spread(self) -> Spread:
        """Median and range over the repetitions."""
        return spread(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        if self.goal is None:
            return None
        return self.spread.median >= self.goal if self.at_least else self.spread.median <= self.goal


@dataclass(frozen=True)
class Way:
    """One way to get so many numbers into PostgreSQL: a value a repetition, in the order of the repetitions.

    asked: numbers a request. reported: as delivered, by whoever made them. stored: distinct numbers really there.
    """

    name: str
    asked: int
    seconds: tuple[float, ...]
    reported: tuple[int, ...]
    stored: tuple[int, ...]


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
    """What one part found. method: how it was measured, sentences for the reader. seconds: how long it took.

    ways: where the part compares several, each of them at each size, ours first.
    """

    name: str
    title: str
    method: tuple[str, ...]
    figures: tuple[Figure, ...]
    account: Account
    seconds: float
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True)
class Results:
    """One run. about: machine, versions, command line and revision, by name.

    scale: 1 for the sizes that the goals are for; at any other no goal is judged. cut_short: why parts that were
    asked for are missing, empty where none is.
    """

    about: Mapping[str, str]
    scale: float
    repeat: int
    parts: tuple[PartResult, ...]
    cut_short: str = ""

    @property
    def judged(self) -> bool:
        """Whether the sizes are those that the goals are for."""
        return self.scale == 1

    @property
    def disagreeing(self) -> tuple[str, ...]:
        """Tasks whose rows asked for, reported and stored are not equally many."""
        return tuple(task for part in self.parts for task in part.account.disagreeing)
