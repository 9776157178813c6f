"""Our own CSV, as numberline/data/ has it: the blocks of a company in an exchange, one such set a line."""

from pipeline.prefix_files.lines import (
    Claim,
    Format,
    Line,
    area_code,
    blocks,
    exchange,
    letters,
    line_type,
    name,
    optional_name,
)


def parse(cells: list[str]) -> Line:
    """The blocks of one company in one exchange."""
    return Claim(
        area_code("npa", cells[0]),
        exchange("nxx", cells[1]),
        blocks("blocks", cells[2]),
        name("carrier", cells[6]),
        country=letters("country", cells[3]),
        state=letters("state", cells[4]),
        timezone=optional_name("timezone", cells[5]),
        line_type=line_type("line_type", cells[7]),
        rate_center=optional_name("rate_center", cells[8]) if len(cells) > 8 else "",
    )


def _format(*more: str) -> Format:
    return Format(
        name="numberline CSV",
        delimiter=",",
        encodings=("utf-8",),
        columns=("npa", "nxx", "blocks", "country", "state", "timezone", "carrier", "line_type", *more),
        levels=(0, 1),
        parse=parse,
    )


FORMAT = _format()
WITH_RATE_CENTER = _format("rate_center")
