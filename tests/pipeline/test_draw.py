"""Drawing: exact, disjoint from what is taken, uniform, and the same for ever."""

import hashlib
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline import draw
from pipeline.draw import Space, WordStream, space_of
from pipeline.holdings import Holdings
from pipeline.numbering import NUMBERS, first_number
from pipeline.suppress import Suppressions
from schemas.events import Filters, Suppressed
from tests.pipeline.data import AREA_CODES

FICTION = Filters(fictional=True)
GOLDEN_FEW = [2169, 9348, 9953, 1003556, 1007011]
GOLDEN_REJECTION = "925c2ebb7cced6d1"
GOLDEN_ENUMERATION = "5ecbece3d3059c3d"
GOLDEN_FICTIONAL = [3550125, 3550129, 3550199]
REJECTION, ENUMERATION = 10**12, 0  # as the most candidates that a draw by rejection may look at


def space(*starts: int, span: int = 1) -> Space:
    """Runs of numbers."""
    return Space(np.array(starts, np.int64), span)


def drawn(seed: str, of: Space, taken: BitMap, size: int, most_candidates: int | None = None) -> BitMap:
    """A draw, by the method wanted or by the one that the figures suggest."""
    most = draw.MOST_CANDIDATES if most_candidates is None else most_candidates
    with patch.object(draw, "MOST_CANDIDATES", most):
        return draw.draw(WordStream(seed, "415", 0), of, taken, size)


def digest(numbers: BitMap) -> str:
    """A short name of a set of numbers."""
    return hashlib.sha256(np.array(numbers.to_array(), "<u4").tobytes()).hexdigest()[:16]


@settings(max_examples=200, deadline=None)
@given(
    blocks=st.sets(st.integers(0, 30), min_size=0, max_size=8),
    span=st.sampled_from([1, 7, 50]),
    taken=st.sets(st.integers(0, 1600), max_size=300),
    size=st.integers(1, 120),
    seed=st.text(max_size=5),
    method=st.sampled_from([None, REJECTION, ENUMERATION]),
)
def test_a_draw_is_exact_eligible_and_repeatable(
    blocks: set[int], span: int, taken: set[int], size: int, seed: str, method: int | None
) -> None:
    """The size asked for or all that is left, out of the space, none taken, equal if done again."""
    of, before = space(*sorted(block * 50 for block in blocks), span=span), BitMap(taken)
    numbers = drawn(seed, of, BitMap(taken), size, method)
    left = of.bitmap - before
    assert numbers <= left
    assert len(numbers) == min(size, len(left))
    assert drawn(seed, of, before, size, method) == numbers


@pytest.mark.parametrize("method", [REJECTION, ENUMERATION])
def test_the_last_numbers_are_found(method: int) -> None:
    """A space that is all but full gives exactly what is left of it."""
    of = space(0, 5000, span=1000)
    left = BitMap([3, 999, 5000, 5999])
    assert drawn("s", of, of.bitmap - left, 4, method) == left
    assert drawn("s", of, of.bitmap - left, 5, method) == left
    assert len(drawn("s", of, of.bitmap - left, 3, method)) == 3
    assert drawn("s", of, of.bitmap, 1, method) == BitMap()
    assert drawn("s", space(span=1000), BitMap(), 1, method) == BitMap()


def test_the_real_space_gives_golden_numbers() -> None:
    """Draw version 1 for ever: should one of these change, it is version 2."""
    of = space_of(AREA_CODES["415"], Filters())
    few = draw.draw(WordStream("golden", "415", 0), of, BitMap(), 5)
    assert list(few) == GOLDEN_FEW
    taken = BitMap(range(0, 500_000, 3))
    assert digest(drawn("golden", of, taken, 2000, REJECTION)) == GOLDEN_REJECTION
    assert digest(drawn("golden", of, taken, 2000, ENUMERATION)) == GOLDEN_ENUMERATION
    assert (
        list(draw.draw(WordStream("golden", "415", 1), space_of(AREA_CODES["415"], FICTION), BitMap(), 3))
        == GOLDEN_FICTIONAL
    )


def test_the_words_of_a_seed_are_golden() -> None:
    """PCG64's raw words, which NumPy guarantees, under our seeding."""
    assert [hex(word) for word in WordStream("golden", "415", 0).words(3).tolist()] == [
        "0x667d1ad8ae596454",
        "0xa1ab715e8179f9a3",
        "0xcf5b8f6bab01e109",
    ]


@pytest.mark.parametrize("other", [("other", "415", 0), ("golden", "416", 0), ("golden", "415", 1)])
def test_seed_area_code_and_batch_each_give_other_words(other: tuple[str, str, int]) -> None:
    """No two batches of an installation draw by the same words."""
    assert WordStream(*other).words(4).tolist() != WordStream("golden", "415", 0).words(4).tolist()


def chi_square(counts: np.ndarray[Any, Any], expected: float) -> float:
    """Pearson's statistic."""
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("method", [REJECTION, ENUMERATION])
def test_every_eligible_number_is_drawn_equally_often(method: int) -> None:
    """4,000 draws of 5 of 20 numbers left of 30: below the 0.001 quantile of chi-square, by fixed seeds.

    Without replacement the counts vary less than independent ones: the statistic is scaled by (20 - 1) / (20 - 5).
    """
    of, taken = space(0, 100, 200, span=10), BitMap(range(100, 110))
    counts = np.zeros(300)
    for seed in range(4000):
        for number in drawn(str(seed), of, taken, 5, method):
            counts[number] += 1
    left = counts[list(of.bitmap - taken)]
    assert counts.sum() == left.sum() == 20_000
    assert chi_square(left, 1000) * 19 / 15 < 43.8  # 19 degrees of freedom
    assert chi_square(left, 1000) * 19 / 15 > 4.9  # and not too even either


def test_every_free_number_of_the_matching_blocks_is_drawn_equally_often() -> None:
    """Over 1,500 seeds, with a filter, with taken and with suppressed numbers; counted in classes of 50."""
    of = space_of(AREA_CODES["415"], Filters(line_types=("landline",)))
    holdings = Holdings(BitMap(range(1_000_000, 1_002_000)), Suppressions())
    holdings.apply(Suppressed("415", "a", None, False, BitMap(range(9_000, 9_500)).serialize()))
    free = np.array((of.bitmap - holdings.withheld_from("ann")).to_array())
    counts = np.zeros(len(free) // 50)
    for seed in range(1_500):
        numbers = np.array(drawn(str(seed), of, holdings.withheld_from("ann"), 40).to_array())
        places = np.searchsorted(free, numbers)
        assert (free[places] == numbers).all()
        np.add.at(counts, places // 50, 1)
    assert (len(free), counts.sum()) == (8_500, 60_000)
    assert 107 < chi_square(counts, 60_000 / 170) < 232  # 169 degrees of freedom, 0.001 at either end


def test_pairs_are_drawn_equally_often() -> None:
    """Which numbers come together is as uniform as which come."""
    of = space(0, span=6)
    counts = dict.fromkeys([(a, b) for a in range(6) for b in range(a + 1, 6)], 0)
    for seed in range(3000):
        first, second = sorted(drawn(str(seed), of, BitMap(), 2))
        counts[first, second] += 1
    assert chi_square(np.array([*counts.values()]), 200) < 36.1  # 14 degrees of freedom, 0.001


@pytest.mark.parametrize("bound", [1, 2, 3, 10, 1000, 7_920_000, 2**32 - 1, 2**63 + 1])
def test_words_past_the_last_multiple_are_left_out(bound: int) -> None:
    """Else the small integers would come more often; the words are chosen at the edge."""
    last = 2**64 - 2**64 % bound  # the first word that must go, if there is such a word
    words = [0, bound - 1, min(bound, last - 1), last - 1, *([last, 2**64 - 1] if last < 2**64 else [])]
    stream = WordStream("s", "415", 0)
    with patch.object(stream, "words", lambda count: np.array(words, np.uint64)):
        found = stream.below(bound, len(words)).tolist()
    assert found == [word % bound for word in words if word < last]
    assert max(found) == bound - 1


def test_the_space_of_an_area_code_is_its_matching_blocks() -> None:
    """No special exchange; fictional numbers only when asked for, and then only those."""
    prefixes = AREA_CODES["415"]
    of = space_of(prefixes, Filters())
    assert of.size == 14_000
    assert sorted({number // 1000 for number in of.bitmap}) == [0, 1, 2, 9, *range(1000, 1010)]
    assert list(of.numbers(np.array([0, 999, 1000, 13_999], np.uint64))) == [0, 999, 1000, 1_009_999]
    fictional = space_of(prefixes, FICTION)
    assert list(fictional.bitmap) == [*range(first_number(555) + 100, first_number(555) + 200)]
    assert space_of(prefixes, Filters(states=("NY",))).size == 0
    assert space_of(prefixes, Filters(states=("NY",), fictional=True)).size == 0
    assert max(space_of(AREA_CODES["212"], Filters()).bitmap) == NUMBERS - 1
