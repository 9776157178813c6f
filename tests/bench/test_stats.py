"""Medians, percentiles and ratios."""

import pytest

from bench.stats import Spread, median, percentile, quotients, spread


def test_a_percentile_is_the_nearest_rank() -> None:
    """The definition's own cases: of 1 to 100, the p-th percentile is p."""
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, p) for p in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([15, 20, 35, 40, 50], 30, 20),
        ([15, 20, 35, 40, 50], 40, 20),
        ([15, 20, 35, 40, 50], 50, 35),
        ([7], 95, 7),
        ([1, 2, 3], 95, 3),
    ],
)
def test_a_percentile_is_always_a_value_that_was_measured(
    values: list[float], percent: float, expected: float
) -> None:
    """Nothing is interpolated between samples."""
    assert percentile(values, percent) == expected


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_of_nothing_is_refused(values: list[float], percent: float) -> None:
    """No values, or no percentage."""
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() -> None:
    """Whatever the order."""
    assert median([9, 1, 5]) == 5
    assert median([9, 1, 5, 6]) == 5.5
    with pytest.raises(ValueError, match="median of no values"):
        median([])


def test_a_spread_is_median_and_range() -> None:
    """Of one value: that value."""
    assert spread([3, 1, 2]) == Spread(2, 1, 3)
    assert spread([4]) == Spread(4, 4, 4)


def test_ratios_are_taken_repetition_by_repetition() -> None:
    """A repetition without its floor is a mistake."""
    assert quotients([6, 8], [3, 2]) == (2, 4)
    with pytest.raises(ValueError, match="shorter"):
        quotients([6, 8], [3])
