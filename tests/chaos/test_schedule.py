"""A schedule is a function of its seed."""

from chaos.faults import FAULTS
from chaos.schedule import schedule


def test_a_seed_gives_the_same_schedule_again() -> None:
    """Faults, workers, and every source of chance."""
    first, again = (schedule(7, FAULTS, 9) for _ in range(2))
    assert first == again
    assert [one.chance("load").random() for one in first] == [one.chance("load").random() for one in again]


def test_another_seed_gives_another() -> None:
    """In the order of the faults, or in what they decide by chance."""
    assert schedule(7, FAULTS, 9) != schedule(8, FAULTS, 9)


def test_every_fault_is_there_before_one_comes_again() -> None:
    """However many rounds there are."""
    assert {one.fault for one in schedule(3, FAULTS, len(FAULTS))} == set(FAULTS)
    twice = [one.fault for one in schedule(3, FAULTS, 2 * len(FAULTS))]
    assert all(twice.count(fault) == 2 for fault in FAULTS)


def test_faults_of_a_cluster_come_last() -> None:
    """They have a system of their own; a change back and forth would build it again."""
    brokers = [one.fault.brokers for one in schedule(3, FAULTS, 2 * len(FAULTS))]
    assert brokers == sorted(brokers)
    assert set(brokers) == {1, 3}


def test_there_are_fewer_workers_than_partitions_and_at_last_more() -> None:
    """Two, then three, then five; a short schedule has no more than three."""
    assert [one.workers for one in schedule(3, FAULTS, 5)] == [2, 2, 2, 3, 3]
    assert [one.workers for one in schedule(3, FAULTS, 12)] == [2] * 6 + [3] * 4 + [5] * 2


def test_every_fault_says_in_a_line_what_it_is() -> None:
    """Which the report prints."""
    for fault in FAULTS:
        assert 10 < len(fault.title()) < 90, fault
        assert fault.name().replace("-", "").isalpha()
