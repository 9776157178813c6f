"""Rows of a prefix file to the events that carry them, one an area code."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from pipeline import numbering
from schemas.events import PrefixBlocks


@dataclass(frozen=True, slots=True)
class PrefixRow:
    """One operating company's blocks in one exchange. blocks: bit d, the thousands block d is held."""

    area_code: str
    nxx: int
    blocks: int
    country: str
    state: str
    timezone: str
    carrier: str
    line_type: str
    rate_center: str = ""


@cache
def block_bits(digits: str) -> int:
    """``"0347"`` -> 0b10011001; one of 1,023 values.  Raises ValueError for anything but digits."""
    return sum(1 << int(digit) for digit in set(digits))


def fictional_row(area_code: str, rows: list[PrefixRow]) -> PrefixRow:
    """The row that numbers set aside for fiction belong to: nobody holds them; the place is the area code's,
    where it has but one."""

    def only(values: Iterable[str]) -> str:
        found = set(values)
        return found.pop() if len(found) == 1 else ""

    return PrefixRow(
        area_code=area_code,
        nxx=numbering.FICTIONAL_NXX,
        blocks=block_bits("0"),
        country=only(row.country for row in rows),
        state=only(row.state for row in rows),
        timezone=only(row.timezone for row in rows),
        carrier="",
        line_type="",
    )


def by_area_codes(rows: Iterable[PrefixRow]) -> dict[str, list[PrefixRow]]:
    """Area code -> its rows, in the order of the file; area codes sorted.

    Whoever a file gives the block of the fictional numbers to, they are nobody's.
    """
    by_area_code: dict[str, list[PrefixRow]] = defaultdict(list)
    for row in rows:
        found = by_area_code[row.area_code]
        if row.nxx == numbering.FICTIONAL_NXX:
            row = replace(row, blocks=row.blocks & ~block_bits("0"))
        if row.blocks:
            found.append(row)
    return dict(sorted(by_area_code.items()))


def with_fictional(rows: Iterable[PrefixRow]) -> dict[str, list[PrefixRow]]:
    """The same with the row of the fictional numbers as each area code's last."""
    return {code: [*found, fictional_row(code, found)] for code, found in by_area_codes(rows).items()}


def prefix_events(by_area_code: dict[str, list[PrefixRow]], version: int, first_id: int) -> Iterator[PrefixBlocks]:
    """One event an area code; rows are numbered on from `first_id`."""
    for area_code, rows in by_area_code.items():
        country, countries = _coded(row.country for row in rows)
        state, states = _coded(row.state for row in rows)
        timezone, timezones = _coded(row.timezone for row in rows)
        carrier, carriers = _coded(row.carrier for row in rows)
        line_type, line_types = _coded(row.line_type for row in rows)
        rate_center, rate_centers = _coded(row.rate_center for row in rows)
        yield PrefixBlocks(
            area_code=area_code,
            version=version,
            first_prefix_id=first_id,
            nxx=_column([row.nxx for row in rows]),
            blocks=_column([row.blocks for row in rows]),
            country_names=countries,
            country=country,
            state_names=states,
            state=state,
            timezone_names=timezones,
            timezone=timezone,
            carrier_names=carriers,
            carrier=carrier,
            line_type_names=line_types,
            line_type=line_type,
            rate_center_names=rate_centers,
            rate_center=rate_center,
        )
        first_id += len(rows)


def _column(values: list[int]) -> bytes:
    return np.array(values, "<u2").tobytes()


def _coded(values: Iterable[str]) -> tuple[bytes, tuple[str, ...]]:
    code_of: dict[str, int] = {}
    codes = [code_of.setdefault(value, len(code_of)) for value in values]
    return _column(codes), tuple(code_of)
