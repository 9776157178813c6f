"""The prefix data of the whole country in one version: what a request may name, and how much of it exists."""

from collections.abc import Iterable
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from pipeline import numbering
from pipeline.prefixes import ATTRIBUTES, FILTER_OF, AreaCode, Coded, PrefixRows
from schemas.events import FieldError, Filters
from schemas.requests import NumberFilters

MOST_SOUGHT = 3  # names of a request for which the nearest are sought: each may take a third of a second
KIND = {
    "countries": "country",
    "states": "state or province",
    "timezones": "time zone",
    "line_types": "numbers of line type",
}


class Catalogue:
    """All area codes of one version. About 20 MB for the whole of North America."""

    def __init__(self, version: int, area_codes: Iterable[AreaCode]) -> None:
        members = sorted(area_codes, key=lambda member: member.area_code)
        self.version = version
        self.area_codes = tuple(member.area_code for member in members)
        self._number = {code: i for i, code in enumerate(self.area_codes)}
        self._ends = np.cumsum([0, *(len(member.rows.nxx) for member in members)])
        self._rows = PrefixRows(
            nxx=np.concatenate([member.rows.nxx for member in members]),
            blocks=np.concatenate([member.rows.blocks for member in members]),
            attributes={name: _joined([m.rows.attributes[name] for m in members]) for name in ATTRIBUTES},
        )

    @property
    def rows(self) -> int:
        """How many rows there are, in the order of the area codes."""
        return len(self._rows.nxx)

    def rows_of(self, area_code: str) -> slice | None:
        """The rows of an area code; None where the data has none."""
        number = self._number.get(area_code)
        return None if number is None else slice(int(self._ends[number]), int(self._ends[number + 1]))

    def exchanges(self, rows: slice) -> npt.NDArray[np.int64]:
        """The exchange of each row, NXX 200 as 0."""
        return self._rows.nxx[rows].astype(np.int64) - numbering.FIRST_NXX

    def held_blocks(self, rows: slice) -> npt.NDArray[np.int64]:
        """Of each row ten values, 1 where it holds the block of that thousands digit, else 0."""
        return (self._rows.blocks[rows, None].astype(np.int64) >> np.arange(10)) & 1

    def exist(self, filters: Filters, area_codes: tuple[str, ...] = ()) -> dict[str, int]:
        """Area code -> how many numbers match, for those where any does. area_codes: all if empty."""
        return {code: exist for code, (exist,) in self.sums(filters, area_codes).items()}

    def sums(
        self, filters: Filters, area_codes: tuple[str, ...] = (), *columns: npt.NDArray[np.int64]
    ) -> dict[str, tuple[int, ...]]:
        """Area code -> how many numbers match, and the sum of each column over the rows that match.

        For area codes where any number matches. area_codes: all if empty. columns: one value a row.
        """
        rows, values = self._rows, list(columns)
        codes = [self._number[code] for code in area_codes]
        if codes:
            at = np.concatenate([np.arange(self._ends[i], self._ends[i + 1]) for i in codes])
            rows, values = rows.only(at), [column[at] for column in values]
        else:
            codes = list(range(len(self.area_codes)))
        fits = rows.matching(filters)
        lengths = np.array([self._ends[i + 1] - self._ends[i] for i in codes])
        starts = np.cumsum([0, *lengths[:-1]])
        totals = [
            np.add.reduceat(np.where(fits, column, 0), starts).tolist() for column in (rows.sizes(filters), *values)
        ]
        found = zip(codes, zip(*totals, strict=True), strict=True)
        return {self.area_codes[i]: counts for i, counts in found if counts[0]}

    def sums_by(self, attribute: str, *columns: npt.NDArray[np.int64]) -> dict[str, tuple[int, ...]]:
        """Each value of an attribute -> how many ordinary numbers have it, and the sum of each column over them."""
        rows, coded = self._rows, self._rows.attributes[attribute]
        fits, columns = rows.matching(Filters()), (rows.sizes(Filters()), *columns)
        totals = [
            np.bincount(coded.codes[fits], column[fits], len(coded.names)).astype(np.int64).tolist()
            for column in columns
        ]
        return dict(zip(coded.names, zip(*totals, strict=True), strict=True))

    def errors(self, wanted: NumberFilters) -> list[FieldError]:
        """What of these filters the data does not know; of the first MOST_SOUGHT with the nearest that it does."""
        name = "area_code" if wanted.area_code else "area_codes"
        found = [
            FieldError(name, f"{code} is not an area code in use")
            for code in wanted.wanted_area_codes()
            if code not in self._number
        ]
        filters, sought = wanted.as_filters(), 0
        for attribute, field in FILTER_OF.items():
            if not (values := getattr(filters, field)):
                continue
            names = tuple(name for name in self._rows.attributes[attribute].names if name)
            for value in values:
                if attribute == "carrier":
                    known = any(value in name.casefold() for name in names)
                    unknown = f'no operating company\'s name contains "{value}"'
                else:
                    known, unknown = value in names, f'no {KIND[field]} "{value}" in the data'
                if not known:
                    near, sought = self._near(value, names) if sought < MOST_SOUGHT else "", sought + 1
                    found.append(FieldError(field, unknown + near))
        return found

    def unmatched(self, wanted: NumberFilters) -> FieldError:
        """For filters that each match something and together nothing: the first one that leaves nothing."""
        codes, given = wanted.wanted_area_codes(), wanted.as_filters()
        so_far: dict[str, tuple[str, ...]] = {}
        for attribute, field in FILTER_OF.items():
            if not (values := getattr(given, field)):
                continue
            before = dict(so_far)
            so_far[field] = values
            if not self.exist(Filters(**so_far, fictional=given.fictional), codes):
                there = self._present(attribute, Filters(**before, fictional=given.fictional), codes)
                where = " and ".join([*before, *(["area_codes"] if codes else [])]) or "all numbers"
                what = "fictional numbers" if given.fictional else "numbers"
                return FieldError(
                    field,
                    f"{', '.join(values)} matches none of the {what} left by {where}"
                    + (_these_have(there) or self._near(values[0], there)),
                )
        return FieldError("area_codes", "match no number that may be generated")

    def _present(self, attribute: str, filters: Filters, area_codes: tuple[str, ...]) -> tuple[str, ...]:
        """The names of an attribute among the rows that match."""
        fits = self._rows.matching(filters)
        if area_codes:
            inside = np.zeros(len(fits), bool)
            for i in (self._number[code] for code in area_codes):
                inside[self._ends[i] : self._ends[i + 1]] = True
            fits = fits & inside
        column = self._rows.attributes[attribute]
        return tuple(column.names[i] for i in np.unique(column.codes[fits]) if column.names[i])

    @staticmethod
    def _near(value: str, names: Iterable[str]) -> str:
        value, known = value.casefold(), {name.casefold(): name for name in names}
        near = get_close_matches(value, known, 5, cutoff=0.4) or [n for n in known if n[:2] == value[:2]][:5]
        return f"; nearest: {', '.join(known[n] for n in near)}" if near else ""


def _these_have(names: tuple[str, ...]) -> str:
    """All the names there are, where these are few."""
    if not names:
        return "; these have none at all"
    return f"; these have {', '.join(names)}" if len(names) <= 10 else ""


def _joined(columns: list[Coded]) -> Coded:
    """Columns one after the other, with one list of names."""
    code_of: dict[str, int] = {}
    codes: list[npt.NDArray[np.uint16]] = []
    for column in columns:
        table = np.array([code_of.setdefault(name, len(code_of)) for name in column.names], np.uint16)
        codes.append(table[column.codes])
    return Coded(tuple(code_of), np.concatenate(codes))
