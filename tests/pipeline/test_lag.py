"""How far the steps are behind."""

from pipeline.lag import MOST_SAMPLES, Lag, LagLog

A, B = ("requests", 0), ("requests", 1)


def test_what_is_committed_is_no_lag() -> None:
    """Nor is an empty topic."""
    log = LagLog()
    assert log.take(0.0, {A: 5, B: 0}, {A: 5, B: 0}) == {"requests": Lag(0, 0.0)}


def test_records_are_those_of_all_partitions_and_seconds_of_the_oldest() -> None:
    """Seen first at 0 s in one, at 10 s in the other."""
    log = LagLog()
    log.take(0.0, {A: 5, B: 0}, {A: 2, B: 0})
    assert log.take(10.0, {A: 5, B: 4}, {A: 2, B: 0}) == {"requests": Lag(7, 10.0)}


def test_seconds_fall_with_what_is_committed() -> None:
    """What was seen at 0 s is done; the oldest record that is left came between 0 and 5 s."""
    log = LagLog()
    log.take(0.0, {A: 5}, {A: 0})
    log.take(5.0, {A: 9}, {A: 0})
    assert log.take(8.0, {A: 9}, {A: 5}) == {"requests": Lag(4, 3.0)}
    assert log.take(9.0, {A: 9}, {A: 9}) == {"requests": Lag(0, 0.0)}


def test_memory_is_bounded() -> None:
    """However long a partition stands still; the oldest record is still known to be."""
    log = LagLog()
    for second in range(10 * MOST_SAMPLES):
        found = log.take(float(second), {A: 1 + second}, {A: 0})
    assert found["requests"].seconds == 10 * MOST_SAMPLES - 1
    assert len(log._ends[A]) <= MOST_SAMPLES + 1


def test_more_committed_than_was_seen_is_no_lag() -> None:
    """A commit between the two looks."""
    assert LagLog().take(0.0, {A: 5}, {A: 6}) == {"requests": Lag(0, 0.0)}
