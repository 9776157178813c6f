"""The imports that the documents show, on an installation of their own: each replaces the data of a country."""

from tests.docs.pages import PAGES
from tests.docs.snippets import commands
from tests.fix_installation import Installation
from tests.operations.by_hand import by_hand
from tests.prefix_files import (
    CANADA_HEADER,
    CO_CODES_HEADER,
    THOUSANDS_BLOCKS_HEADER,
    canadian,
    co_code,
    thousands_block,
    write,
)

# what the administrators publish, and what the page on any CSV supposes that you have
FILES = {
    "CoCodeAssignment_Utilized_AllStates_Public.zip": [
        CO_CODES_HEADER,
        co_code("201-200", pooled="Y"),
        co_code("201-201", "T-MOBILE USA, INC."),
        co_code("202-300", "VERIZON WASHINGTON DC", state="DC", rate_center="WASHINGTON"),
    ],
    "ThousandsBlockAssignment_All_Augmented.zip": [THOUSANDS_BLOCKS_HEADER, thousands_block("201-200-1")],
    "COCodeStatus_ALL.zip": [CANADA_HEADER, canadian("416", "203")],
    "mine.csv.gz": [
        "ST;AREA;PREFIX;OWNER;KIND",
        "NJ;201;200;ACME;voip",
        "NJ;201;201;ACME;voip",
        "DC;202;300;ACME;voip",
    ],
    "other.txt": [
        "CODE\tCompany",
        "201-200\tTéléphone",
        "201-201\tTéléphone",
        "202-300\tTéléphone",
    ],
}


def test_the_imports_of_the_documents_do_what_they_say(shared_installation: Installation) -> None:
    """Files of those names are recognised, mapped and read as the options say; a dry run publishes nothing."""
    for name, lines in FILES.items():
        write(shared_installation.directory / name, lines, "latin-1")
    blocks = [block for one in PAGES for language, block in one.snippets() if language == "sh"]
    shown = [one for block in blocks for one in commands(block) if one.startswith("numberline prefixes import")]
    assert {name for name in FILES if any(name in one for one in shown)} == set(FILES)
    said = [by_hand(shared_installation, one).splitlines()[-1] for one in shown]
    of_its_kind = [
        "Dry run: nothing was changed." if one.endswith("--dry-run") else "is published" for one in shown
    ]
    assert all(kind in last for kind, last in zip(of_its_kind, said, strict=True)), said
