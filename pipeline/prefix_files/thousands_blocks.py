"""ThousandsBlockAssignment_All_Augmented: the pooled blocks of the United States (NANPA), one a line."""

from pipeline.prefix_files.lines import (
    OFFICIAL_ENCODINGS,
    Claim,
    Format,
    Line,
    LineRejected,
    NotHeld,
    area_code,
    blocks,
    exchange,
    letters,
    name,
    optional_name,
)

ASSIGNED, RETAINED = "AS", "RT"  # retained: the exchange's holder has kept the block out of the pool


def parse(cells: list[str]) -> Line:
    """One block: whom it is assigned to, or that nobody has it yet."""
    _, state, npa, nxx_text, digit, status, code_holder, _, _, rate_center, _, _, assigned_to = cells[:13]
    npa, nxx = area_code("NPA", npa), exchange("NXX", nxx_text)
    if len(digit) != 1:
        raise LineRejected(f'X must be one digit; it is "{digit[:40]}"')
    bit = blocks("X", digit)
    if status == ASSIGNED:
        carrier = name("Assigned To", assigned_to or code_holder)
    elif status == RETAINED:
        carrier = name("Code Holder", code_holder)
    else:
        return NotHeld(npa, nxx, bit, status or "no STATUS")
    return Claim(
        npa,
        nxx,
        bit,
        carrier,
        state=letters("State", state),
        rate_center=optional_name("Rate Center", rate_center),
    )


FORMAT = Format(
    name="ThousandsBlockAssignment_All_Augmented",
    delimiter=",",
    encodings=OFFICIAL_ENCODINGS,
    columns=(
        "Region",
        "State",
        "NPA",
        "NXX",
        "X",
        "STATUS",
        "Code Holder",
        "Contaminated (Y or N)",
        "Contaminated TNs not Available for Assignment",
        "Rate Center",
        "Block Effective Date",
        "Block Available Date",
        "Assigned To",
        "OCN",
        "Date Assigned",
    ),
    levels=(1,),
    parse=parse,
    optional=2,
)
