"""CoCodeAssignment_Utilized_AllStates_Public: the exchanges of the United States (NANPA), one a line."""

from pipeline.prefix_files.lines import (
    ALL_BLOCKS,
    OFFICIAL_ENCODINGS,
    Claim,
    Format,
    Line,
    NotHeld,
    area_code_and_exchange,
    letters,
    name,
    optional_name,
)

ASSIGNED = "AS"
SEVERAL = "MULTIPLE OCN LISTING"  # instead of a company: only the file of thousands blocks tells them apart


def parse(cells: list[str]) -> Line:
    """One exchange: its holder has all blocks that the file of thousands blocks does not give to others."""
    state, npa_nxx, _, company, rate_center, _, use = cells[:7]
    area_code, nxx = area_code_and_exchange("NPA-NXX", npa_nxx)
    if use != ASSIGNED:
        return NotHeld(area_code, nxx, ALL_BLOCKS, use or "no Use")
    if company.upper() == SEVERAL:
        return NotHeld(area_code, nxx, ALL_BLOCKS, "several companies")
    return Claim(
        area_code,
        nxx,
        ALL_BLOCKS,
        name("Company", company),
        state=letters("State", state),
        rate_center=optional_name("RateCenter", rate_center),
    )


FORMAT = Format(
    name="CoCodeAssignment_Utilized_AllStates_Public",
    delimiter="\t",
    encodings=OFFICIAL_ENCODINGS,
    columns=(
        "State",
        "NPA-NXX",
        "OCN",
        "Company",
        "RateCenter",
        "EffectiveDate",
        "Use",
        "AssignDate",
        "Initial/Growth",
        "Pooled Code",
        "In Service",
    ),
    levels=(0,),
    parse=parse,
    optional=4,
    quoted=False,
)
