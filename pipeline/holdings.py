"""What the ledger's facts of one area code add up to: what is taken, what is suppressed, how much of each block."""

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from pipeline.suppress import Suppressions
from schemas.events import Suppressed, Usage, UserUsage

# of users' own lists in a message, which its topic takes up to 10 MiB of: each takes four bytes a block
MOST_OWN_BYTES = 4 << 20
_USER_BYTES = 16  # of a user beside the id and the blocks, at most

Counts = npt.NDArray[np.uint16]  # numbers of each of the 8,000 thousands blocks

# of the block that the fictional numbers lie in, nothing else is ever given out
_FICTIONAL = numbering.first_number(numbering.FICTIONAL_NXX)
_NEVER_GIVEN = BitMap(range(_FICTIONAL, _FICTIONAL + numbering.BLOCK)) - BitMap(
    range(_FICTIONAL + numbering.FICTIONAL_LINES.start, _FICTIONAL + numbering.FICTIONAL_LINES.stop)
)


def by_block(numbers: BitMap) -> Counts:
    """How many numbers lie in each thousands block."""
    blocks = np.array(numbers.to_array(), np.uint32) // numbering.BLOCK
    return np.bincount(blocks, minlength=numbering.BLOCKS).astype(np.uint16)


class Holdings:
    """One area code. `taken` and `suppressed` are read here, and changed by `add` and `apply` alone."""

    def __init__(self, taken: BitMap, suppressed: Suppressions) -> None:
        self.taken, self.suppressed = taken, suppressed
        self._used = by_block(taken)
        self._withheld = self._count_withheld()

    def add(self, numbers: BitMap) -> None:
        """Numbers are given out; some of them may be known to be."""
        self._used += by_block(numbers - self.taken)
        self.taken |= numbers

    def apply(self, change: Suppressed) -> int:
        """A change of what is suppressed; its place (pipeline.suppress)."""
        place = self.suppressed.apply(change)
        self._withheld = self._count_withheld()
        return place

    def withheld_from(self, user_id: str) -> BitMap:
        """What a batch of this user must not draw. Not to be changed."""
        suppressed = self.suppressed.of(user_id)
        return self.taken | suppressed if suppressed else self.taken

    def _count_withheld(self) -> Counts:
        """Of everybody's list what was not given out before: no draw changes this."""
        return by_block(self.suppressed.everybody - self.taken - _NEVER_GIVEN)

    def usage(self, area_code: str) -> Usage:
        """How much is gone. Of two for an area code the one with the greater revision is the later one."""
        blocks = np.flatnonzero(self._used | self._withheld)
        return Usage(
            area_code=area_code,
            revision=int(self._used.sum(dtype=np.int64)) + self.suppressed.changes,
            blocks=_column(blocks),
            used=_column(self._used[blocks]),
            suppressed=_column(self._withheld[blocks]),
            users=_with_room([self._of_user(user_id) for user_id in sorted(self.suppressed.by_user)]),
        )

    def _of_user(self, user_id: str) -> UserUsage:
        own = self.suppressed.by_user[user_id] - self.taken - self.suppressed.everybody - _NEVER_GIVEN
        counts = by_block(own)
        blocks = np.flatnonzero(counts)
        return UserUsage(user_id, _column(blocks), _column(counts[blocks]))


def _with_room(users: list[UserUsage]) -> tuple[UserUsage, ...]:
    """As many as a message has room for, those with the fewest blocks first. To others capacity tells of no own
    list; they are not given its numbers all the same."""
    sizes = {one.user_id: len(one.user_id) + len(one.blocks) + len(one.suppressed) + _USER_BYTES for one in users}
    room, told = MOST_OWN_BYTES, set[str]()
    for user_id in sorted(sizes, key=lambda user_id: (sizes[user_id], user_id)):
        room -= sizes[user_id]
        if room < 0:
            break
        told.add(user_id)
    return tuple(one for one in users if one.user_id in told)


def _column(values: npt.NDArray[np.integer]) -> bytes:
    return values.astype("<u2").tobytes()
