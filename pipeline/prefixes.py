"""The prefix data as columns: which operating company holds which thousands blocks, and where."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline import numbering
from schemas.events import Filters, PrefixBlocks

ATTRIBUTES = ("country", "state", "timezone", "carrier", "line_type", "rate_center")
FILTER_OF = {
    "country": "countries",
    "state": "states",
    "timezone": "timezones",
    "carrier": "carriers",
    "line_type": "line_types",
}


@dataclass(frozen=True)
class Coded:
    """A column of text: `codes` (uint16, one a row) index `names`."""

    names: tuple[str, ...]
    codes: npt.NDArray[np.uint16]

    def matching(self, wanted: tuple[str, ...], part: bool) -> npt.NDArray[np.bool_]:
        """Which rows hold one of the wanted names, or with `part` a name with one of them in it."""
        fits = np.fromiter(
            (any(w in n.casefold() for w in wanted) if part else n in wanted for n in self.names),
            bool,
            len(self.names),
        )
        return fits[self.codes]


@dataclass(frozen=True)
class PrefixRows:
    """Rows of the prefix data, one per exchange and operating company; all columns of equal length."""

    nxx: npt.NDArray[np.uint16]
    blocks: npt.NDArray[np.uint16]  # bit d: the thousands block d is held
    attributes: Mapping[str, Coded]

    def only(self, at: slice | npt.NDArray[np.int64]) -> "PrefixRows":
        """Some of the rows; what is known of all is known of them."""
        part = PrefixRows(
            self.nxx[at],
            self.blocks[at],
            {name: Coded(column.names, column.codes[at]) for name, column in self.attributes.items()},
        )
        vars(part).update({name: getattr(self, name)[at] for name in ("_ordinary", "_held")})
        return part

    def matching(self, filters: Filters) -> npt.NDArray[np.bool_]:
        """Which rows hold numbers that may be generated under these filters."""
        fits = self._fictional if filters.fictional else self._ordinary
        for attribute, name in FILTER_OF.items():
            if wanted := getattr(filters, name):
                fits = fits & self.attributes[attribute].matching(wanted, part=attribute == "carrier")
        return fits

    @functools.cached_property
    def _ordinary(self) -> npt.NDArray[np.bool_]:
        return ~numbering.is_special(self.nxx)

    @functools.cached_property
    def _fictional(self) -> npt.NDArray[np.bool_]:
        return np.asarray((self.nxx == numbering.FICTIONAL_NXX) & (self.blocks % 2 == 1))

    @functools.cached_property
    def _held(self) -> npt.NDArray[np.int64]:
        held = np.unpackbits(self.blocks.view(np.uint8).reshape(-1, 2), axis=1).sum(axis=1, dtype=np.int64)
        return np.asarray(held * numbering.BLOCK)

    def sizes(self, filters: Filters) -> npt.NDArray[np.int64]:
        """Numbers that each row holds, were it to match."""
        if filters.fictional:
            return np.full(len(self.nxx), len(numbering.FICTIONAL_LINES), np.int64)
        return self._held


def _coded(names: tuple[str, ...], codes: bytes, rows: int) -> Coded:
    """A column of an event; events of before it was there have none."""
    if not names:
        return Coded(("",), np.zeros(rows, np.uint16))
    return Coded(names, np.frombuffer(codes, "<u2"))


class AreaCode:
    """The prefix data of one area code in one version: who holds a number, which numbers match."""

    def __init__(self, event: PrefixBlocks) -> None:
        self.area_code, self.version = event.area_code, event.version
        self.first_prefix_id = event.first_prefix_id
        self.rows = PrefixRows(
            nxx=np.frombuffer(event.nxx, "<u2"),
            blocks=np.frombuffer(event.blocks, "<u2"),
            attributes={
                name: _coded(getattr(event, f"{name}_names"), getattr(event, name), len(event.nxx) // 2)
                for name in ATTRIBUTES
            },
        )

    @functools.cached_property
    def row_of_block(self) -> npt.NDArray[np.int32]:
        """The row that holds each of the 8,000 thousands blocks; -1 where nobody does."""
        found = np.full(numbering.BLOCKS, -1, np.int32)
        row, digit = np.nonzero((self.rows.blocks[:, None] >> np.arange(10, dtype=np.uint16)) & 1)
        found[(self.rows.nxx[row].astype(np.int64) - numbering.FIRST_NXX) * 10 + digit] = row
        return found

    def matching_blocks(self, filters: Filters) -> npt.NDArray[np.int64]:
        """Thousands blocks, sorted and distinct, that may be generated from under these filters.

        A block that two rows claim is the later one's, as for enrich.
        """
        fits = np.append(self.rows.matching(filters), False)  # the last one for -1: nobody's
        return np.flatnonzero(fits[self.row_of_block])
