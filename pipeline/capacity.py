"""How many numbers exist, are given out, are suppressed and are left, for the filters of a generation."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline import numbering
from pipeline.catalogue import Catalogue
from schemas.events import Filters, Usage

Column = npt.NDArray[np.int64]  # numbers, one value a row of the catalogue


@dataclass(frozen=True)
class Figures:
    """Numbers of an area code, or of several. suppressed: those that are not given out already."""

    exist: int = 0
    used: int = 0
    suppressed: int = 0

    @property
    def left(self) -> int:
        """How many can still be given out."""
        return max(0, self.exist - self.used - self.suppressed)

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.exist + other.exist, self.used + other.used, self.suppressed + other.suppressed)

    def as_json(self) -> dict[str, int]:
        """As the contract has them."""
        return {"exist": self.exist, "used": self.used, "suppressed": self.suppressed, "left": self.left}


class Capacity:
    """One version of the prefix data, and what of its numbers is gone as far as allocate has told."""

    def __init__(self, catalogue: Catalogue, usages: Mapping[str, Usage] | None = None) -> None:
        self.catalogue = catalogue
        self._used, self._suppressed = (np.zeros(catalogue.rows, np.int64) for _ in range(2))
        self._usages = dict[str, Usage]()
        for usage in (usages or {}).values():
            self.take(usage)

    def take(self, usage: Usage) -> bool:
        """Bring an area code up to date; whether it was news. The greatest revision wins, whenever it comes."""
        known = self._usages.get(usage.area_code)
        if known is not None and known.revision >= usage.revision:
            return False
        self._usages[usage.area_code] = usage
        if (rows := self.catalogue.rows_of(usage.area_code)) is not None:
            self._used[rows] = self._by_row(rows, usage.blocks, usage.used)
            self._suppressed[rows] = self._by_row(rows, usage.blocks, usage.suppressed)
        return True

    def with_catalogue(self, catalogue: Catalogue) -> "Capacity":
        """The same usage of another version of the prefix data."""
        return Capacity(catalogue, self._usages)

    def figures(self, filters: Filters, area_codes: tuple[str, ...] = (), user_id: str = "") -> dict[str, Figures]:
        """Area code -> its figures, for those where any number matches. area_codes: all if empty.

        user_id: whose own list counts as well.
        """
        sums = self.catalogue.sums(filters, area_codes, self._used, self._suppressed_for(user_id))
        return {code: Figures(*counts) for code, counts in sums.items()}

    def by_region(self) -> dict[str, Figures]:
        """State or province -> its figures, without the fictional numbers."""
        sums = self.catalogue.sums_by("state", self._used, self._suppressed)
        return {region: Figures(*counts) for region, counts in sums.items() if region}

    def _suppressed_for(self, user_id: str) -> Column:
        """The column of what is suppressed, with a user's own list where there is one."""
        found = self._suppressed
        for usage in self._usages.values():
            for own in usage.users:
                rows = self.catalogue.rows_of(usage.area_code) if own.user_id == user_id else None
                if rows is not None:
                    found = found.copy() if found is self._suppressed else found
                    found[rows] += self._by_row(rows, own.blocks, own.suppressed)
        return found

    def _by_row(self, rows: slice, blocks: bytes, values: bytes) -> Column:
        """Sums of the values of blocks over the blocks that each row holds."""
        by_block = np.zeros(numbering.BLOCKS, np.int64)
        by_block[np.frombuffer(blocks, "<u2")] = np.frombuffer(values, "<u2")
        held = self.catalogue.held_blocks(rows)
        of_exchange = by_block.reshape(numbering.EXCHANGES, 10)[self.catalogue.exchanges(rows)]
        return np.asarray((of_exchange * held).sum(axis=1))
