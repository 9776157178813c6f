"""Drawing numbers: uniform without replacement, a pure function of the seed, the space and what is taken.

Version 1. NumPy guarantees the raw 64-bit words of PCG64 (O'Neill 2014), but not its Generator's methods
(NEP 19): the method from words to numbers is therefore ours, and golden values in the tests hold it.
"""

import functools
import hashlib

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from pipeline.prefixes import AreaCode
from schemas.events import Filters

DRAW_VERSION = 1
MOST_CANDIDATES = 200_000  # a draw that is expected to look at more enumerates what is left instead

Words = npt.NDArray[np.uint64]


class Space:
    """The numbers of an area code that match: runs of `span` numbers from each of `starts` (sorted)."""

    def __init__(self, starts: npt.NDArray[np.int64], span: int) -> None:
        self.starts, self.span = starts, span
        self.size = len(starts) * span
        self._gaps = (starts - np.arange(len(starts)) * span).astype(np.uint64)  # below each run, in all

    def numbers(self, positions: Words) -> Words:
        """The numbers at positions 0 to size - 1."""
        below: Words = self._gaps[positions // np.uint64(self.span)]
        return below + positions

    @functools.cached_property
    def bitmap(self) -> BitMap:
        """All of it."""
        found = BitMap()
        for start in self.starts.tolist():
            found.add_range(start, start + self.span)
        found.run_optimize()
        return found


def space_of(prefixes: AreaCode, filters: Filters) -> Space:
    """The numbers that a plan's filters leave of an area code."""
    if filters.fictional:
        start = numbering.first_number(numbering.FICTIONAL_NXX) + numbering.FICTIONAL_LINES.start
        fits = bool(prefixes.rows.matching(filters).any())
        return Space(np.array([start] if fits else [], np.int64), len(numbering.FICTIONAL_LINES))
    return Space(prefixes.matching_blocks(filters) * numbering.BLOCK, numbering.BLOCK)


class WordStream:
    """Uniform 64-bit words out of a seed."""

    def __init__(self, seed: str, area_code: str, batch: int) -> None:
        digest = hashlib.sha256(f"{seed}\0{area_code}\0{batch}".encode()).digest()
        self._words = np.random.PCG64(0)
        self._words.state = {
            "bit_generator": "PCG64",
            "state": {
                "state": int.from_bytes(digest[:16], "big"),
                "inc": int.from_bytes(digest[16:], "big") | 1,  # the increment of an LCG modulo 2**k is odd
            },
            "has_uint32": 0,
            "uinteger": 0,
        }

    def words(self, count: int) -> Words:
        """The next `count` words."""
        return self._words.random_raw(count)

    def below(self, bound: int, count: int) -> Words:
        """Uniform integers 0 to bound - 1, at most `count`: words past the last multiple are left out."""
        words = self.words(count)
        words = words[words <= np.uint64(2**64 - 1 - 2**64 % bound)]
        # the remainder; numpy divides quicker than it takes one
        return words - words // np.uint64(bound) * np.uint64(bound)


def draw(stream: WordStream, space: Space, taken: BitMap, size: int) -> BitMap:
    """`size` numbers of the space that are not taken; all that are left where these are fewer."""
    free = space.size - taken.intersection_cardinality(space.bitmap)
    if free <= size:
        return space.bitmap - taken
    if size * space.size <= free * MOST_CANDIDATES:
        return _by_rejection(stream, space, taken, size, free)
    left = np.array((space.bitmap - taken).to_array(), np.uint32)
    return BitMap(left[np.argsort(stream.words(free), kind="stable")[:size]])


def _by_rejection(stream: WordStream, space: Space, taken: BitMap, size: int, free: int) -> BitMap:
    """Candidates one after the other, those that are taken or drawn already passed over."""
    drawn = BitMap()
    while (missing := size - len(drawn)) > 0:
        candidates = space.numbers(stream.below(space.size, missing * space.size * 11 // (free * 10) + 16))
        # one key of a number and of when it was drawn: to sort these is quicker than to argsort the numbers
        keys = np.sort(candidates << np.uint64(32) | np.arange(len(candidates), dtype=np.uint64))
        numbers, turn = (keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)
        fresh = np.append(True, numbers[1:] != numbers[:-1])  # of equal ones the first drawn
        if refused := BitMap(numbers) & (taken | drawn if drawn else taken):
            fresh &= ~_within(numbers, np.array(refused.to_array(), np.uint32))
        numbers, turn = numbers[fresh], turn[fresh]
        if len(numbers) > missing:
            numbers = numbers[turn <= np.partition(turn, missing - 1)[missing - 1]]
        drawn |= BitMap(numbers)
    return drawn


def _within(numbers: npt.NDArray[np.uint32], some: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which numbers are among `some`; both sorted. np.isin would sort them again."""
    at = np.minimum(np.searchsorted(some, numbers), len(some) - 1)
    return np.asarray(some[at] == numbers)
