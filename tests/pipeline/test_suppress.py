"""Lists of numbers, and what the changes of an area code add up to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline import allocate
from pipeline.notation import parse
from pipeline.number_list import BUFFER, NumberList, broken_rule
from pipeline.suppress import SuppressedNumbers, Suppressions, fact_key, facts_prefix
from schemas import codec
from schemas.events import Suppressed


def change(name: str, *numbers: int, user: str | None = None, removed: bool = False) -> Suppressed:
    """A change of area code 415."""
    return Suppressed("415", name, user, removed, BitMap(numbers).serialize())


def test_a_change_is_kept_apart_from_batches_and_in_order() -> None:
    """Neither prefix finds the other's facts, whatever the number of changes."""
    key = fact_key("415", 12, "name")
    assert key == b"suppressed|415|00000012|name"
    assert key.startswith(facts_prefix("415"))
    assert not key.startswith(allocate.facts_prefix("415"))
    assert fact_key("415", 9, "z") < fact_key("415", 10, "a")


def test_everybodys_list_and_a_users_own_are_independent() -> None:
    """Taking a number off one leaves it on the other."""
    lists = Suppressions()
    for one in (change("a", 1, 2), change("b", 2, 3, user="ann"), change("c", 2, removed=True)):
        lists.apply(one)
    assert lists.of("ann") == BitMap([1, 2, 3])
    assert lists.of("ben") == lists.everybody == BitMap([1])
    assert [number in lists.of("ann") for number in range(5)] == [False, True, True, True, False]
    assert [number in lists.of("ben") for number in range(5)] == [False, True, False, False, False]
    lists.apply(change("d", 2, 3, user="ann", removed=True))
    assert lists.by_user == {}
    lists.apply(change("e", 9, user="ann", removed=True))
    assert (lists.by_user, lists.of("ann")) == ({}, BitMap([1]))


def test_a_change_that_comes_again_keeps_its_first_place() -> None:
    """Sent again after its removal, an old addition does not come back."""
    lists = Suppressions()
    first, second = change("a", 1), change("b", 1, removed=True)
    assert [lists.apply(one) for one in (first, second, first, second)] == [0, 1, 0, 1]
    assert lists.of("ann") == BitMap()
    assert lists.changes == 2


@given(
    st.lists(
        st.builds(
            lambda number, numbers, user, removed: change(str(number), *numbers, user=user, removed=removed),
            st.integers(0, 30),
            st.sets(st.integers(0, 9)),
            st.sampled_from([None, "ann", "ben"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_facts_in_the_order_of_their_keys_give_what_the_log_gave(log: list[Suppressed]) -> None:
    """What a worker reads from the ledger is what the one before it had in memory."""
    live, ledger = Suppressions(), dict[bytes, bytes]()
    for one in log:
        ledger.setdefault(fact_key("415", live.apply(one), one.change), codec.encode(one))
    read = Suppressions.of_facts(value for _, value in sorted(ledger.items()))
    assert (read.everybody, read.by_user) == (live.everybody, live.by_user)


def test_a_list_holds_each_number_once_in_order() -> None:
    """Added one by one, more than fit into its buffer; as integers, by area code, and serialized."""
    numbers = NumberList()
    for line in range(BUFFER + 10):
        numbers.add(4152000000 + line)
        numbers.add(4152000000 + line)
    numbers.add(2129999999)
    assert len(numbers) == BUFFER + 11
    assert numbers.counts() == {"212": 1, "415": BUFFER + 10}
    found = list(numbers)
    assert found[:3] == [12129999999, 14152000000, 14152000001]
    assert found == sorted(set(found))
    assert BitMap.deserialize(numbers.serialized()["415"]) == BitMap(range(BUFFER + 10))
    assert list(NumberList(numbers.serialized())) == found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is empty"),
        ("hello", "is not a phone number"),
        ("+44 20 7946 0958", "is a number of another country, not of the NANP (+1)"),
        ("415-199-9999", "must be NPA-NXX-XXXX, area code NPA and exchange NXX from 200 to 999"),
        ("415-200-0000", None),
        ("+1 (999) 999-9999", None),
    ],
)
def test_what_no_list_can_hold_breaks_a_rule(text: str, rule: str | None) -> None:
    """Which is a sentence for whoever mends the list."""
    assert broken_rule(text, parse(text)) == rule


def test_lists_are_joined_and_taken_apart() -> None:
    """As sets; an area code without numbers is not shown."""
    one, other = NumberList(), NumberList()
    for number in (4152000000, 4152000001, 2122000000):
        one.add(number)
    for number in (4152000001, 3032000000):
        other.add(number)
    assert one.common(other) == other.common(one) == 1
    one.update(other)
    assert one.counts() == {"212": 1, "303": 1, "415": 2}
    one.difference_update(other)
    assert list(one) == [12122000000, 14152000000]
    assert one.counts() == {"212": 1, "415": 1}
    assert set(one.serialized()) == {"212", "415"}


def test_the_lists_of_a_user_are_found_for_the_area_codes_at_hand() -> None:
    """Everybody's and the user's own; an area code without either is not there."""
    lists = SuppressedNumbers({415: BitMap([1]), 212: BitMap([5])}, {415: BitMap([2]), 303: BitMap([3])})
    numbers = np.array([4152000001, 4152000009, 3032000003, 9072000000, -1])
    assert lists.among(numbers) == {415: BitMap([1, 2]), 303: BitMap([3])}
    assert lists.everybody[415] == BitMap([1])


def test_the_lists_of_others_hold_for_nobody_else() -> None:
    """Everybody's for all, a user's own for that user; for nobody in particular everybody's alone."""
    lists = {(None, 415): BitMap([1]), ("ann", 415): BitMap([2]), ("ben", 212): BitMap([3])}
    everybody = {415: BitMap([1])}
    assert SuppressedNumbers.of_lists(lists, "ann") == SuppressedNumbers(everybody, {415: BitMap([2])})
    assert SuppressedNumbers.of_lists(lists, "ben") == SuppressedNumbers(everybody, {212: BitMap([3])})
    assert SuppressedNumbers.of_lists(lists, None) == SuppressedNumbers(everybody, {})
