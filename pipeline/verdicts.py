"""The verdict on any number, and who holds its thousands block: a join of whole columns with the prefix data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from pipeline import numbering
from pipeline.notation import NOT_A_NUMBER
from pipeline.prefixes import AreaCode

# in the order of their codes; docs/numbering.md says what each means
REASONS = (
    "valid",
    "fictional",
    "suppressed",
    "special_exchange",
    "unassigned_block",
    "unassigned_exchange",
    "special_area_code",
    "unassigned_area_code",
    "not_nanp",
    "not_a_number",
)
CODE = {reason: code for code, reason in enumerate(REASONS)}

NO_PREFIX = -1  # of a number whose block nobody holds

_AREA_CODES = 1_000
_FICTIONAL = (
    numbering.FICTIONAL_NXX * numbering.LINES + numbering.FICTIONAL_LINES.start,
    numbering.FICTIONAL_NXX * numbering.LINES + numbering.FICTIONAL_LINES.stop,
)


def is_special_area_code(area_code: int) -> bool:
    """Whether an area code that the data does not have is kept for something other than a place (NANPA).

    Toll-free, carriers' and government services, personal and Canadian special services, and what is set aside:
    N11, N9X, 37X, 96X, 555, 950. 5XX: such as are geographic are in the data.
    """
    hundreds, rest = divmod(area_code, 100)
    return (
        area_code in {800, 833, 844, 855, 866, 877, 888, 900, 700, 710, 600, 622, 633, 950}
        or hundreds == 5
        or rest == 11
        or rest // 10 == 9
        or area_code // 10 in {37, 96}
    )


@dataclass(frozen=True)
class Verdicts:
    """Of each number: `reasons`, indexes of REASONS (uint8), and `prefix_ids` (int32), NO_PREFIX where none."""

    reasons: npt.NDArray[np.uint8]
    prefix_ids: npt.NDArray[np.int32]

    def counts(self) -> dict[str, int]:
        """Reason -> how many, those that occur."""
        found = np.bincount(self.reasons, minlength=len(REASONS)).tolist()
        return {reason: count for reason, count in zip(REASONS, found, strict=True) if count}


class Blocks:
    """One version of the prefix data as the join needs it: reason and holder of every thousands block.

    About 5 bytes a block of each area code, 18 MB for the whole of North America.
    """

    def __init__(
        self,
        version: int,
        area_codes: npt.NDArray[np.int64],
        nxx: npt.NDArray[np.int64],
        blocks: npt.NDArray[np.int64],
        prefix_ids: npt.NDArray[np.int32],
    ) -> None:
        """Columns of equal length, a row an exchange and operating company. blocks: bit d, block d is held."""
        self.version = version
        known = np.unique(area_codes)
        # rows of the tables: one an area code, one for all that the data does not have, one for the special ones
        self._row_of = np.full(_AREA_CODES, len(known), np.int64)
        self._row_of[[code for code in range(200, _AREA_CODES) if is_special_area_code(code)]] = len(known) + 1
        self._row_of[known] = np.arange(len(known))
        self._prefix_ids = np.full((len(known) + 2, numbering.BLOCKS), NO_PREFIX, np.int32)
        for digit in range(10):
            held = np.flatnonzero((blocks >> digit) & 1)
            block = (nxx[held] - numbering.FIRST_NXX) * 10 + digit
            self._prefix_ids[self._row_of[area_codes[held]], block] = prefix_ids[held]
        self._reasons = np.empty(self._prefix_ids.shape, np.uint8)
        exchanges = (self._prefix_ids != NO_PREFIX).reshape(-1, numbering.EXCHANGES, 10)
        by_exchange = self._reasons.reshape(exchanges.shape)  # a view
        by_exchange[:] = CODE["unassigned_block"]
        by_exchange[~exchanges.any(axis=2)] = CODE["unassigned_exchange"]
        by_exchange[exchanges] = CODE["valid"]
        special = [nxx - numbering.FIRST_NXX for nxx in sorted(numbering.SPECIAL_EXCHANGES)]
        by_exchange[:, special] = CODE["special_exchange"]
        self._reasons[len(known)] = CODE["unassigned_area_code"]
        self._reasons[len(known) + 1] = CODE["special_area_code"]
        self._known = len(known)

    @classmethod
    def of(cls, version: int, members: Iterable[AreaCode]) -> "Blocks":
        """Out of the data by area code."""
        found = list(members)
        return cls(
            version,
            np.repeat([int(m.area_code) for m in found], [len(m.rows.nxx) for m in found]),
            np.concatenate([m.rows.nxx for m in found]).astype(np.int64),
            np.concatenate([m.rows.blocks for m in found]).astype(np.int64),
            np.concatenate([m.first_prefix_id + np.arange(len(m.rows.nxx), dtype=np.int32) for m in found]),
        )

    def judge(self, numbers: npt.NDArray[np.int64], suppressed: Mapping[int, BitMap] | None = None) -> Verdicts:
        """The verdicts on national numbers of ten digits, or the codes of ``pipeline.notation`` for what is none.

        suppressed: area code -> its numbers (as the ledger's) that must not be given out; of valid ones alone.
        """
        code, within = np.divmod(numbers, numbering.AREA_CODE)
        block = within // numbering.BLOCK - numbering.FIRST_NXX * 10
        wrong = (code < 200) | (block < 0)
        row = self._row_of[np.where(wrong, 0, code)]
        at = row * numbering.BLOCKS + np.where(wrong, 0, block)
        reasons, prefix_ids = self._reasons.ravel()[at], self._prefix_ids.ravel()[at]
        fictional = (within >= _FICTIONAL[0]) & (within < _FICTIONAL[1]) & (row < self._known)
        reasons[fictional] = CODE["fictional"]
        if wrong.any():
            reasons[wrong] = np.where(numbers[wrong] == NOT_A_NUMBER, CODE["not_a_number"], CODE["not_nanp"])
            prefix_ids[wrong] = NO_PREFIX
        for area_code, taken in (suppressed or {}).items():
            mine = np.flatnonzero((code == area_code) & (reasons == CODE["valid"]))
            local = within[mine] - numbering.FIRST_NXX * numbering.LINES
            if hits := BitMap(local.astype(np.uint32)) & taken:  # a list may have millions
                reasons[mine[np.isin(local, np.array(hits.to_array(), np.int64))]] = CODE["suppressed"]
        return Verdicts(reasons, prefix_ids)
