"""Any CSV whose columns the user names: `--map npa=AREA,nxx=PREFIX,carrier=OWNER`."""

from collections.abc import Callable, Mapping
from functools import partial

from pipeline.prefix_files import lines
from pipeline.prefix_files.lines import ALL_BLOCKS, Claim, Format, Line

NAME = "CSV by --map"
REQUIRED = ("npa", "nxx", "carrier")
FIELDS = (*REQUIRED, "blocks", "country", "state", "timezone", "line_type", "rate_center")
DELIMITERS = ",;\t|"

_TEXT: Mapping[str, Callable[[str, str], str]] = {
    "country": lines.letters,
    "state": lines.letters,
    "timezone": lines.optional_name,
    "line_type": lines.line_type,
    "rate_center": lines.optional_name,
}


def parse_map(text: str) -> dict[str, str]:
    """``npa=COLUMN,nxx=COLUMN`` as field -> column; npa and nxx may name one column that has both.

    Raises ValueError, whose text says what to write.
    """
    found: dict[str, str] = {}
    for part in text.split(","):
        field, separator, column = (side.strip() for side in part.partition("="))
        if not separator or not column:
            raise ValueError(f'"{part}" must be FIELD=COLUMN')
        if field not in FIELDS:
            raise ValueError(f'"{field}" is no field; the fields are {", ".join(FIELDS)}')
        if field in found:
            raise ValueError(f'"{field}" is named twice')
        found[field] = column
    if missing := [field for field in REQUIRED if field not in found]:
        raise ValueError(f"{', '.join(missing)} must be named")
    return found


def delimiter_of(header: str) -> str:
    """The one of , ; tab | that the header has most of."""
    return max(DELIMITERS, key=header.count)


def mapped_format(header: list[str], delimiter: str, columns: Mapping[str, str], encoding: str) -> Format:
    """The format of a file with this header.  Raises ValueError for a column that it does not have."""
    for field, column in columns.items():
        if header.count(column) != 1:
            how = "has twice" if column in header else "does not have"
            raise ValueError(f'--map {field}={column}: the header {how} "{column}"; it has {", ".join(header)}')
    return Format(
        name=NAME,
        delimiter=delimiter,
        encodings=(encoding,),
        columns=tuple(header),
        levels=(0, 1),
        parse=partial(_parse, {field: (column, header.index(column)) for field, column in columns.items()}),
    )


def _parse(at: Mapping[str, tuple[str, int]], cells: list[str]) -> Line:
    def cell(field: str) -> tuple[str, str]:
        column, index = at[field]
        return column, cells[index]

    if at["npa"] == at["nxx"]:
        area_code, nxx = lines.area_code_and_exchange(*cell("npa"))
    else:
        area_code, nxx = lines.area_code(*cell("npa")), lines.exchange(*cell("nxx"))
    return Claim(
        area_code,
        nxx,
        lines.blocks(*cell("blocks")) if "blocks" in at else ALL_BLOCKS,
        lines.name(*cell("carrier")),
        **{field: rule(*cell(field)) for field, rule in _TEXT.items() if field in at},
    )
