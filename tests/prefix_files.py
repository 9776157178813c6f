"""Prefix files as the administrators publish them, written by our own code: headers and cells as the real ones."""

import csv
import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

CO_CODES = (
    "State\tNPA-NXX\tOCN\tCompany\tRateCenter\tEffectiveDate\tUse\tAssignDate\t"
    "Initial/Growth\tPooled Code\tIn Service"
)
CO_CODES_HEADER = f"{CO_CODES}\tFile Updated 09/03/2026"
THOUSANDS_BLOCKS_HEADER = (
    "Region,State,NPA,NXX,X,STATUS,Code Holder,Contaminated (Y or N),Contaminated TNs not Available for Assignment,"
    "Rate Center,Block Effective Date,Block Available Date,Assigned To,OCN,Date Assigned"
)
CANADA_HEADER = "NPA,CO Code (NXX),Status,Pooled,Exchange Area,Province,Company,OCN,Remarks"
CANADA_HEADER_BEFORE = "NPA,CO Code (NXX),Status,Exchange Area,Province,Company,OCN,Remarks"
OWN_HEADER = "npa,nxx,blocks,country,state,timezone,carrier,line_type"


def co_code(
    npa_nxx: str,
    company: str = "VERIZON NEW JERSEY, INC.",
    state: str = "NJ",
    use: str = "AS",
    rate_center: str = "NEWARK",
    pooled: str = "N",
) -> str:
    """A line of CoCodeAssignment_Utilized_AllStates_Public."""
    cells = (state, npa_nxx, "9206", company, rate_center, "01/01/1996", use, "01/01/1996", "I", pooled, "Y")
    return "\t".join(cells)


def thousands_block(
    block: str,
    assigned_to: str = "T-MOBILE USA, INC.",
    state: str = "NJ",
    status: str = "AS",
    code_holder: str = "VERIZON NEW JERSEY, INC.",
    rate_center: str = "NEWARK",
) -> str:
    """A line of ThousandsBlockAssignment_All_Augmented; block: 201-200-3."""
    npa, nxx, digit = block.split("-")
    about = (status, code_holder, "N", "", rate_center, "02/01/2020", "", assigned_to, "6529", "01/02/2020")
    return as_csv(("1", state, npa, nxx, digit, *about))


def canadian(
    npa: str,
    nxx: str,
    company: str = "Bell Canada",
    status: str = "In Service",
    province: str = "ON",
    exchange_area: str = "Toronto",
    pooled: bool = True,
) -> str:
    """A line of COCodeStatus_ALL."""
    return as_csv((npa, nxx, status, *(["N"] if pooled else []), exchange_area, province, company, "8051", ""))


def as_csv(cells: Iterable[object]) -> str:
    """Cells as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def write(path: Path, lines: Iterable[str], encoding: str = "utf-8") -> Path:
    """A file of lines; its name says whether it is compressed, and how."""
    content = "".join(f"{line}\r\n" for line in lines).encode(encoding)
    if path.suffix == ".gz":
        content = gzip.compress(content, 1)
    elif path.suffix == ".zip":
        return write_zip(path, {path.with_suffix(".txt").name: content})
    path.write_bytes(content)
    return path


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip file of these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
