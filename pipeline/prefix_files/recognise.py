"""The format of a prefix file, from its header."""

import re
from datetime import date, datetime

from pipeline.prefix_files import canada, co_codes, own, thousands_blocks
from pipeline.prefix_files.lines import Format, shown

FORMATS = (
    co_codes.FORMAT,
    thousands_blocks.FORMAT,
    canada.FORMAT,
    canada.WITHOUT_POOLED,
    own.WITH_RATE_CENTER,
    own.FORMAT,
)

_UPDATED = re.compile(r"File Updated:? *(\d{1,2}/\d{1,2}/\d{4})", re.IGNORECASE)


class HeaderUnknown(ValueError):
    """A header of none of the formats; the text says what it lacks."""


def recognise(header: str) -> tuple[Format, date | None]:
    """The format, and the date of the file where the header has it.  Raises HeaderUnknown.

    Names must be the format's, in its order; capitals and spaces do not matter.
    """
    for known in FORMATS:
        cells = cells_of(header, known.delimiter)
        if _plain(cells[: len(known.columns)]) == _plain(known.columns) and len(cells) <= len(known.columns) + 1:
            rest = "".join(cells[len(known.columns) :])
            if not rest or _UPDATED.fullmatch(rest):
                return known, updated(rest)
    raise HeaderUnknown(_what_it_lacks(header))


def updated(text: str) -> date | None:
    """The date in `File Updated mm/dd/yyyy`."""
    if found := _UPDATED.search(text):
        try:
            return datetime.strptime(found[1], "%m/%d/%Y").date()
        except ValueError:
            return None
    return None


def cells_of(header: str, delimiter: str) -> list[str]:
    """The names in a header, without quotes and spaces around them."""
    return [cell.strip().strip('"').strip() for cell in header.split(delimiter)]


def _plain(names: tuple[str, ...] | list[str]) -> list[str]:
    return ["".join(name.split()).casefold() for name in names]


def _what_it_lacks(header: str) -> str:
    """The nearest format, and where the header departs from it."""
    missing = {known: _missing(header, known) for known in FORMATS}
    nearest = min(FORMATS, key=lambda known: len(missing[known]))
    if len(missing[nearest]) > len(nearest.columns) // 2:
        return f'the first line is no header of a prefix file: "{shown(header)}"'
    cells = [cell for cell in cells_of(header, nearest.delimiter) if not _UPDATED.fullmatch(cell)]
    pairs = zip(_plain(cells), _plain(nearest.columns), strict=False)
    at = next((i for i, (given, wanted) in enumerate(pairs) if given != wanted), None)
    if missing[nearest]:
        departs = f'lacks "{missing[nearest][0]}"'
    elif at is None or len(cells) != len(nearest.columns):
        departs = "has columns besides"
    else:
        return (
            f"the header has the columns of {nearest.name} in another order: column {at + 1} must be "
            f'"{nearest.columns[at]}" and is "{shown(cells[at])}"'
        )
    return f"the header is nearest to that of {nearest.name}, but {departs}"


def _missing(header: str, known: Format) -> list[str]:
    given = _plain(cells_of(header, known.delimiter))
    return [name for name, plain in zip(known.columns, _plain(known.columns), strict=True) if plain not in given]
