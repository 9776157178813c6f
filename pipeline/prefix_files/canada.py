"""COCodeStatus_ALL: the exchanges of Canada (CNAC), one a line, in the form of today and the one before pooling."""

from pipeline.prefix_files.lines import (
    ALL_BLOCKS,
    OFFICIAL_ENCODINGS,
    Claim,
    Format,
    Line,
    NotHeld,
    area_code,
    exchange,
    letters,
    name,
    optional_name,
)

HELD = ("In Service", "Assigned")

# the whole of Canada shares one exchange between companies by porting, not by blocks, so all ten are the holder's
_BEFORE = ("NPA", "CO Code (NXX)", "Status")
_AFTER = ("Exchange Area", "Province", "Company", "OCN", "Remarks")


def parse(cells: list[str]) -> Line:
    """One exchange."""
    npa, code, status = cells[:3]
    return _line(npa, code, status, *cells[-5:-2])


def _line(npa: str, code: str, status: str, exchange_area: str, province: str, company: str) -> Line:
    if not npa and not code:
        return NotHeld("", 0, 0, "a note")  # such as when the file was written
    npa, nxx = area_code("NPA", npa), exchange("CO Code (NXX)", code)
    if status not in HELD:
        return NotHeld(npa, nxx, ALL_BLOCKS, status or "no Status")
    return Claim(
        npa,
        nxx,
        ALL_BLOCKS,
        name("Company", company),
        country="CA",
        state=letters("Province", province),
        rate_center=optional_name("Exchange Area", exchange_area),
    )


def _format(columns: tuple[str, ...]) -> Format:
    return Format(
        name="COCodeStatus_ALL",
        delimiter=",",
        encodings=OFFICIAL_ENCODINGS,
        columns=columns,
        levels=(0,),
        parse=parse,
    )


FORMAT = _format((*_BEFORE, "Pooled", *_AFTER))
WITHOUT_POOLED = _format((*_BEFORE, *_AFTER))
