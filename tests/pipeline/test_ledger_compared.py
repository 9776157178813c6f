"""The ledger held against stored batches: every kind of difference, and what a rebuild writes."""

from collections.abc import Iterable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline import numbering
from pipeline.ledger import (
    Compared,
    Marker,
    Stored,
    StoredBatch,
    by_area_code,
    compare,
    missing_facts,
    missing_suppressions,
    stored_of,
    sum_key,
)
from schemas import codec
from schemas.events import Suppressed

TASK = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"


def fact(*numbers: int) -> bytes:
    """A fact as allocate leaves it."""
    return bytes(BitMap(numbers).serialize())


def key(batch: int) -> bytes:
    """The key of a batch's fact in area code 212."""
    return f"212|{TASK}|{batch}".encode()


def stored(batch: int, *numbers: int, count: int | None = None) -> StoredBatch:
    """A stored batch."""
    return StoredBatch(TASK, batch, len(numbers) if count is None else count, BitMap(numbers))


def agree(facts: Mapping[bytes, bytes], batches: Iterable[StoredBatch]) -> bool:
    """Whether nothing differs."""
    found = compare("212", facts, Stored(tuple(batches)))
    return not found.lacking + found.others


def test_facts_of_all_that_is_stored_agree() -> None:
    """What is drawn and in no row is counted, and no difference."""
    facts = {key(0): fact(1, 2), key(1): fact(3), key(2): fact(8, 9), key(3): fact()}
    rows = Stored((stored(0, 1, 2), stored(1, 3), stored(3)))
    assert compare("212", facts, rows) == Compared("212", (), (), drawn=5, stored=3, not_stored=2)


def test_a_sum_stands_for_the_facts_of_batches() -> None:
    """Compacted batches have no fact of their own."""
    facts = {sum_key("212", "x"): fact(1, 2, 3), key(2): fact(4)}
    assert agree(facts, [stored(0, 1, 2), stored(1, 3), stored(2, 4)])


def test_what_the_ledger_lacks_is_said() -> None:
    """With the batch and some of the numbers; a rebuild mends it."""
    batch = stored(0, 1, 2, 12_345, 7_999_999)
    found = compare("212", {}, Stored((batch,), BitMap([8])))
    assert found.lacking == (
        "1 numbers (200-0008) are stored and not in the ledger: they could be given out again",
        f"batch 0 of task {TASK}: 4 numbers (200-0001, 200-0002, 201-2345, ...) are stored and not in the ledger: "
        "they could be given out again",
    )
    assert found.others == ("1 numbers (200-0008) are stored and of no batch",)


def test_what_a_completed_task_was_given_must_be_stored() -> None:
    """Of another task it may be on its way, or of a batch that failed."""
    facts = {key(0): fact(1), key(1): fact(2, 3), key(2): fact()}
    found = compare("212", facts, Stored((stored(0, 1),)), {TASK})
    assert found.others == (
        f"batch 1 of task {TASK}: 2 numbers (200-0002, 200-0003) are in no row, and it is completed",
    )
    assert agree(facts, [stored(0, 1)])


@pytest.mark.parametrize(
    ("facts", "batch", "difference"),
    [
        (
            {key(0): fact(1, 2)},
            stored(0, 1),
            f"batch 0 of task {TASK}: 1 numbers (200-0002) of its fact are in none of its rows",
        ),
        (
            {key(0): fact(1), key(1): fact(2)},
            stored(0, 1, 2),
            f"batch 0 of task {TASK}: 1 numbers (200-0002) of its rows are in the fact of another batch",
        ),
        (
            {key(0): fact(1)},
            stored(0, 1, count=2),
            f"batch 0 of task {TASK} has 1 rows, and its marker says 2",
        ),
        (
            {key(0): fact(1), key(1): fact(1, 2)},
            stored(0, 1),
            f"1 numbers (200-0001) of the fact 212|{TASK}|1 are in another fact as well",
        ),
    ],
)
def test_each_difference_is_said(facts: Mapping[bytes, bytes], batch: StoredBatch, difference: str) -> None:
    """With the batch and some of the numbers; no command changes rows."""
    assert compare("212", facts, Stored((batch,))).others == (difference,)


numbers = st.sets(st.integers(0, numbering.NUMBERS - 1), max_size=6)


@given(st.lists(numbers, max_size=6), st.data())
def test_after_a_rebuild_nothing_differs_whatever_was_lost(drawn: list[set[int]], data: st.DataObject) -> None:
    """Any part of the facts, and any part of a sum of them: what is there is never changed."""
    batches, taken = [], set[int]()
    for batch, some in enumerate(drawn):
        batches.append(stored(batch, *(some - taken)))
        taken |= some
    facts = {key(batch.batch): bytes(batch.numbers.serialize()) for batch in batches}
    summed: set[bytes] = data.draw(st.sets(st.sampled_from(sorted(facts)))) if facts else set()
    left: set[bytes] = data.draw(st.sets(st.sampled_from(sorted(facts)))) if facts else set()
    kept = {one: facts[one] for one in left - summed}
    with_sum: bool = data.draw(st.booleans())
    if summed and with_sum:
        kept[sum_key("212", "x")] = fact(*set().union(*(BitMap.deserialize(facts[one]) for one in summed)))

    rows = Stored(tuple(batches))
    missing = missing_facts("212", kept, rows, "rebuilt")

    assert not missing.keys() & kept.keys()
    assert agree(kept | missing, batches)
    assert missing_facts("212", kept | missing, rows, "again") in ({}, _empty(kept | missing, batches))


def _empty(facts: Mapping[bytes, bytes], batches: list[StoredBatch]) -> dict[bytes, bytes]:
    """Facts of batches without numbers, of which nobody can tell whether a sum stands for them."""
    return {key(one.batch): fact() for one in batches if not one.numbers and key(one.batch) not in facts}


def test_a_rebuild_leaves_a_wrong_fact_and_adds_what_it_lacks() -> None:
    """Facts are never changed: the numbers go into a sum, with those of rows that are no batch's."""
    rows = Stored((stored(0, 1, 2),), BitMap([8]))
    assert missing_facts("212", {key(0): fact(1)}, rows, "r") == {b"212|sum|r": fact(2, 8)}


def test_rows_are_put_together_by_their_batch() -> None:
    """In any order; a batch without rows has none, and a row without a marker no batch."""
    rows, inside = np.array([7, 5, 7, 9]), np.array([30, 10, 20, 40])
    markers = [Marker(5, TASK, 0, 1), Marker(6, TASK, 1, 0), Marker(7, TASK, 2, 2)]
    assert stored_of("212", markers, rows, numbering.e164("212", inside)) == Stored(
        (stored(0, 10), stored(1), stored(2, 20, 30)), BitMap([40])
    )


def test_only_facts_of_draws_are_compared() -> None:
    """A suppression's key begins otherwise."""
    facts = {b"212|t|0": b"1", b"415|sum|x": b"2", b"suppressed|212|0|c": b"3"}
    assert by_area_code(facts) == {"212": {b"212|t|0": b"1"}, "415": {b"415|sum|x": b"2"}}


def test_changes_of_what_is_suppressed_are_written_where_they_are_missing() -> None:
    """Under the keys that allocate gives them: the place among those of the area code, in the log's order."""
    first, second, other = (
        Suppressed(code, change, None, False, fact(1))
        for code, change in (("212", "a"), ("212", "b"), ("415", "a"))
    )
    keys = [b"suppressed|212|00000000|a", b"suppressed|212|00000001|b", b"suppressed|415|00000000|a"]
    values = [codec.encode(one) for one in (first, second, other)]
    assert missing_suppressions({}, [first, second, other]) == dict(zip(keys, values, strict=True))
    assert missing_suppressions({keys[0]: values[0]}, [first, second]) == {keys[1]: values[1]}
