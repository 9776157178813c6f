"""The lines of the files of one import, put together: one holder a thousands block, or nobody."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline import numbering
from pipeline.area_codes import AreaCodes, PlaceUnknown
from pipeline.line_types import LineTypes
from pipeline.prefix_build import PrefixRow
from pipeline.prefix_files.lines import Claim, Line, LineRejected, NotHeld

LEVELS = 2
MOST_NAMES = 60_000  # of companies, and of rate centres: events number them with 16 bits
_SAID_NOTHING, _NOBODY = -1, -2

# country, state, timezone, carrier, line type, rate centre
Holder = tuple[str, str, str, str, str, str]
Exchange = tuple[str, int]


@dataclass(frozen=True)
class Place:
    """A line of a file of the import (the files count from 0, lines from 1)."""

    file: int
    line: int


@dataclass(frozen=True)
class Conflict:
    """A block that two lines speak of."""

    block: str
    first: Place
    second: Place


@dataclass
class UnknownAreaCode:
    """An area code that is not in use: how many lines claim blocks of it, and the first of them."""

    first: Place
    lines: int = 0


class _AreaClaims:
    """What is said of the 8,000 blocks of one area code: at each level by whom, in which file and line."""

    def __init__(self) -> None:
        empty = [_SAID_NOTHING] * numbering.BLOCKS
        self.holder = [array("i", empty) for _ in range(LEVELS)]
        self.line = [array("i", bytes(4 * numbering.BLOCKS)) for _ in range(LEVELS)]
        self.file = [array("H", bytes(2 * numbering.BLOCKS)) for _ in range(LEVELS)]


@dataclass
class Claims:
    """The lines of an import so far.

    timezones: of exchanges that are known already, for the official files have none.
    conflicts: blocks that two lines speak of, the first MOST_CONFLICTS; conflicting: how many there are.
    """

    MOST_CONFLICTS = 10

    area_codes: AreaCodes
    line_types: LineTypes
    timezones: Mapping[Exchange, str]
    conflicts: list[Conflict] = field(default_factory=list)
    conflicting: int = 0
    unknown: dict[str, UnknownAreaCode] = field(default_factory=dict)
    _areas: dict[str, _AreaClaims] = field(default_factory=dict)
    _holders: dict[Holder, int] = field(default_factory=dict)
    _countries: dict[str, str] = field(default_factory=dict)
    _names: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    def take(self, line: Line, levels: tuple[int, ...], place: Place) -> None:
        """One line.  Raises LineRejected."""
        if isinstance(line, NotHeld):
            if levels == (1,):  # of single blocks: what a file says of the exchange does not hold for these
                self._put(line.area_code, line.nxx, line.blocks, _NOBODY, levels, place)
            return
        if not self.area_codes.in_use(line.area_code):
            self.unknown.setdefault(line.area_code, UnknownAreaCode(place)).lines += 1
            return
        holder = self._holder(line)
        number = self._holders.setdefault(holder, len(self._holders))
        self._put(line.area_code, line.nxx, line.blocks, number, levels, place)

    def _holder(self, claim: Claim) -> Holder:
        try:
            country, state = self.area_codes.place(claim.area_code, claim.country, claim.state)
        except PlaceUnknown as error:
            raise LineRejected(str(error)) from None
        if (known := self._countries.setdefault(claim.area_code, country)) != country:
            raise LineRejected(f"area code {claim.area_code} is in {known} by the lines before, not in {country}")
        for names, name in zip(self._names, (claim.carrier, claim.rate_center), strict=True):
            names.add(name)
            if len(names) > MOST_NAMES:
                raise LineRejected(f"more than {MOST_NAMES} different companies or rate centres")
        timezone = (
            claim.timezone
            or self.timezones.get((claim.area_code, claim.nxx))
            or self.area_codes.timezone(claim.area_code)
        )
        line_type = claim.line_type or self.line_types.of(claim.carrier)
        return country, state, timezone, claim.carrier, line_type, claim.rate_center

    def _put(
        self, area_code: str, nxx: int, blocks: int, number: int, levels: tuple[int, ...], place: Place
    ) -> None:
        area = self._areas.get(area_code)
        if area is None:
            area = self._areas[area_code] = _AreaClaims()
        start = numbering.first_number(nxx) // numbering.BLOCK
        for digit in range(10):
            if not blocks >> digit & 1:
                continue
            at = start + digit
            clash = next((level for level in levels if area.holder[level][at] != _SAID_NOTHING), None)
            if clash is not None:
                self._conflict(f"{area_code}-{nxx}-{digit}", area, clash, at, place)
                continue
            for level in levels:
                area.holder[level][at], area.line[level][at], area.file[level][at] = number, place.line, place.file

    def _conflict(self, block: str, area: _AreaClaims, level: int, at: int, place: Place) -> None:
        self.conflicting += 1
        if len(self.conflicts) < self.MOST_CONFLICTS:
            self.conflicts.append(Conflict(block, Place(area.file[level][at], area.line[level][at]), place))

    def countries(self) -> set[str]:
        """The countries that the lines cover."""
        return set(self._countries.values())

    def rows(self) -> dict[str, list[PrefixRow]]:
        """Area code -> its rows, by exchange and company."""
        holders = list(self._holders)
        made = {code: sorted(_rows(code, area, holders), key=_order) for code, area in sorted(self._areas.items())}
        return {code: rows for code, rows in made.items() if rows}


def _rows(area_code: str, area: _AreaClaims, holders: list[Holder]) -> Iterator[PrefixRow]:
    exchanges, blocks = (np.frombuffer(level, np.int32) for level in area.holder)
    holder = np.where(blocks != _SAID_NOTHING, blocks, exchanges)
    (held,) = np.nonzero(holder >= 0)
    keys, row = np.unique(held // 10 * len(holders) + holder[held], return_inverse=True)
    bits = np.zeros(len(keys), np.int64)
    np.add.at(bits, row, 1 << held % 10)
    for key, digits in zip(keys.tolist(), bits.tolist(), strict=True):
        nxx, number = divmod(key, len(holders))
        country, state, timezone, carrier, line_type, rate_center = holders[number]
        yield PrefixRow(
            area_code,
            nxx + numbering.FIRST_NXX,
            digits,
            country,
            state,
            timezone,
            carrier,
            line_type,
            rate_center,
        )


def _order(row: PrefixRow) -> tuple[int, str, int]:
    return row.nxx, row.carrier, row.blocks


def timezones_of(rows: Iterable[PrefixRow]) -> dict[Exchange, str]:
    """Exchange -> its time zone, for exchanges that are known."""
    return {(row.area_code, row.nxx): row.timezone for row in rows if row.timezone}


def merged(
    current: Mapping[str, list[PrefixRow]],
    claimed: Mapping[str, list[PrefixRow]],
    covered: set[str],
    area_codes: AreaCodes,
) -> dict[str, list[PrefixRow]]:
    """The data after an import: what is claimed, and the current data of the countries that it does not cover."""
    kept = {
        code: rows
        for code, rows in current.items()
        if code not in claimed and (area_codes.country_of(code) or rows[0].country) not in covered
    }
    return dict(sorted({**kept, **claimed}.items()))
