"""Order statistics of measured values. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Median and range of some values, in their unit."""

    median: float
    lowest: float
    highest: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` (above 0, to 100) of the values do not exceed: nearest rank.

    Always one that was measured: nothing is made up between two samples.  Raises ValueError without values.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError(f"the {percent:g}th percentile of {len(values)} values")
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle.  Raises ValueError without values."""
    if not values:
        raise ValueError("the median of no values")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: Sequence[float]) -> Spread:
    """Median and range.  Raises ValueError without values."""
    return Spread(median(values), min(values), max(values))


def quotients(values: Sequence[float], floors: Sequence[float]) -> tuple[float, ...]:
    """Each value over the floor of the same repetition."""
    return tuple(value / floor for value, floor in zip(values, floors, strict=True))
