"""The newest messages, by user."""

import pytest

from gateway.history import RECORD_BYTES, Forgotten, History
from gateway.messages import Message
from gateway.positions import Position

SIZE = RECORD_BYTES + 1


def at(offset: int, partition: int = 0) -> Position:
    return Position(partition, offset, offset * 7)


def history(*users: str | None, most: int = 100, start: int = 0) -> History:
    """One that has read a record of each of these users, and holds at most so many; None: told to nobody."""
    made = History(most * SIZE)
    made.begin({0: start})
    for offset, user in enumerate(users, start):
        if user is None:
            made.skip(at(offset))
        else:
            made.append(at(offset), user, Message("task_progress", b"x", offset))
    return made


def offsets(of: History, user: str, offset: int, most: int = 100) -> list[int | None]:
    return [message.offset for message in of.after(0, offset, user, most)]


def test_a_user_gets_what_is_his_after_an_offset_in_order_and_in_pieces() -> None:
    one = history("ann", "bob", "ann", None, "bob", "ann", "ann")
    assert offsets(one, "ann", -1) == [0, 2, 5, 6]
    assert offsets(one, "ann", 0) == offsets(one, "ann", 1) == [2, 5, 6]
    assert offsets(one, "ann", 2, most=2) == [5, 6]
    assert offsets(one, "ann", -1, most=2) == [0, 2]
    assert offsets(one, "ann", 6) == offsets(one, "cid", -1) == []
    assert one.last(0) == at(6)


def test_what_is_beyond_the_bound_is_forgotten_and_that_is_said() -> None:
    one = history(*["ann", "bob"] * 6, most=4)
    assert offsets(one, "ann", 7) == [8, 10]
    assert offsets(one, "bob", 8) == [9, 11]
    for offset in (-1, 0, 6):
        with pytest.raises(Forgotten):
            one.after(0, offset, "ann", 10)
    assert not one.covers(at(7))
    assert one.covers(at(8))


def test_only_the_very_record_is_covered() -> None:
    one = history("ann", None, "ann")
    assert [one.covers(at(offset)) for offset in (0, 1, 2)] == [True] * 3
    assert not one.covers(Position(0, 1, 8))  # of a topic that was there before
    assert not one.covers(at(3))


def test_the_beginning_is_covered_while_all_is_held_from_there() -> None:
    beginning = Position(0, -1, 0)
    assert history("ann").covers(beginning)
    assert not history("ann", "ann", most=1).covers(beginning)
    assert not history("ann", start=5).covers(beginning)
    assert history(start=5).last(0) == Position(0, 4, 0)


def test_it_is_known_of_every_record_whether_it_was_told() -> None:
    one = history("ann", None, "ann", None, None, "ann", most=1)
    assert [one.is_skipped(0, offset) for offset in range(7)] == [False, True, False, True, True, False, False]


def test_partitions_share_the_bound_and_know_nothing_of_each_other() -> None:
    one = History(4 * SIZE)
    one.begin({0: 0, 1: 10})
    for offset in range(3):
        one.append(at(offset), "ann", Message("task_progress", b"x", offset))
    assert one.last(1) == Position(1, 9, 0)
    one.append(at(10, 1), "bob", Message("task_progress", b"x", 10))
    assert offsets(one, "ann", 0) == [1, 2]
    assert [message.offset for message in one.after(1, 9, "bob", 9)] == [10]
    assert one.partitions == 2
