"""The formats of prefix files: how a header is recognised, and what lines say."""

import csv
from collections.abc import Iterator
from datetime import date

import pytest

from pipeline.prefix_files import canada, co_codes, lines, mapped, own, thousands_blocks
from pipeline.prefix_files.lines import Claim, Format, LineRejected, NotHeld
from pipeline.prefix_files.recognise import HeaderUnknown, cells_of, recognise
from tests.prefix_files import (
    CANADA_HEADER,
    CANADA_HEADER_BEFORE,
    CO_CODES,
    CO_CODES_HEADER,
    OWN_HEADER,
    THOUSANDS_BLOCKS_HEADER,
    canadian,
    co_code,
    thousands_block,
)

ALL = 0b11_1111_1111


@pytest.mark.parametrize(
    ("header", "format_", "as_of"),
    [
        (CO_CODES_HEADER, co_codes.FORMAT, date(2026, 9, 3)),
        (CO_CODES, co_codes.FORMAT, None),
        (THOUSANDS_BLOCKS_HEADER, thousands_blocks.FORMAT, None),
        (CANADA_HEADER, canada.FORMAT, None),
        (CANADA_HEADER_BEFORE, canada.WITHOUT_POOLED, None),
        (CANADA_HEADER + ",", canada.FORMAT, None),
        (OWN_HEADER, own.FORMAT, None),
        (OWN_HEADER + ",rate_center", own.WITH_RATE_CENTER, None),
        (OWN_HEADER.upper().replace(",", " , "), own.FORMAT, None),
    ],
)
def test_a_format_is_known_by_its_header(header: str, format_: Format, as_of: date | None) -> None:
    """With the date of the file where the header has it; capitals and spaces do not matter."""
    assert recognise(header) == (format_, as_of)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            CO_CODES_HEADER.replace("State\tNPA-NXX", "NPA-NXX\tState"),
            "the header has the columns of CoCodeAssignment_Utilized_AllStates_Public in another order: "
            'column 1 must be "State" and is "NPA-NXX"',
        ),
        (
            THOUSANDS_BLOCKS_HEADER.replace(",NXX", ""),
            'the header is nearest to that of ThousandsBlockAssignment_All_Augmented, but lacks "NXX"',
        ),
        (OWN_HEADER + ",colour", "the header is nearest to that of numberline CSV, but has columns besides"),
        ("name;age;\x07shoe size", 'the first line is no header of a prefix file: "name;age;?shoe size"'),
    ],
)
def test_what_another_header_lacks_is_said(header: str, message: str) -> None:
    """In another order, too few, too many, of something else."""
    with pytest.raises(HeaderUnknown) as caught:
        recognise(header)
    assert str(caught.value) == message


def test_an_exchange_of_the_united_states() -> None:
    """All ten blocks are its holder's; what is not assigned is nobody's."""
    line = co_code("201-200", "VERIZON NEW JERSEY, INC.", "NJ", rate_center="NEWARK")
    assert co_codes.parse(line.split("\t")) == Claim(
        "201", 200, ALL, "VERIZON NEW JERSEY, INC.", state="NJ", rate_center="NEWARK"
    )
    assert co_codes.parse(co_code("201-555", use="UA").split("\t")) == NotHeld("201", 555, ALL, "UA")
    several = co_code("201-201", "MULTIPLE OCN LISTING", pooled="Y").split("\t")
    assert co_codes.parse(several) == NotHeld("201", 201, ALL, "several companies")


def test_a_pooled_block_of_the_united_states() -> None:
    """Assigned: the block's holder; retained: the exchange's; available: nobody's."""

    def parsed(**fields: str) -> lines.Line:
        return thousands_blocks.parse(next(lines_of(thousands_block("201-200-3", **fields))))

    assert parsed() == Claim("201", 200, 0b1000, "T-MOBILE USA, INC.", state="NJ", rate_center="NEWARK")
    assert parsed(assigned_to="").carrier == "VERIZON NEW JERSEY, INC."  # type: ignore[union-attr]
    assert parsed(status="RT").carrier == "VERIZON NEW JERSEY, INC."  # type: ignore[union-attr]
    assert parsed(status="AV") == NotHeld("201", 200, 0b1000, "AV")


def lines_of(*text: str) -> Iterator[list[str]]:
    """Lines of CSV as cells."""
    return csv.reader(text)


@pytest.mark.parametrize("pooled", [True, False])
def test_an_exchange_of_canada(pooled: bool) -> None:
    """With and without the column that came with pooling; a note is no line."""

    def parsed(npa: str, nxx: str, status: str = "In Service", company: str = "Bell Canada") -> lines.Line:
        return canada.parse(next(lines_of(canadian(npa, nxx, company, status, pooled=pooled))))

    assert parsed("416", "203") == Claim(
        "416", 203, ALL, "Bell Canada", country="CA", state="ON", rate_center="Toronto"
    )
    assert parsed("416", "204", status="Assigned").carrier == "Bell Canada"  # type: ignore[union-attr]
    assert parsed("416", "555", status="Special Use") == NotHeld("416", 555, ALL, "Special Use")
    assert parsed("", "", "", "") == NotHeld("", 0, 0, "a note")


def test_our_own_csv() -> None:
    """As the shipped data has it, with a rate centre or without."""
    cells = ["201", "200", "0347", "us", "nj", "America/New_York", "VERIZON", "Landline"]
    claim = Claim("201", 200, 0b1001_1001, "VERIZON", "US", "NJ", "America/New_York", "landline")
    assert own.parse(cells) == claim
    assert own.parse([*cells, "NEWARK"]) == claim._replace(rate_center="NEWARK")


@pytest.mark.parametrize(
    ("at", "cell", "message"),
    [
        (0, "20l", 'npa must be three digits, the first 2 to 9; it is "20l"'),
        (0, "120", 'npa must be three digits, the first 2 to 9; it is "120"'),
        (1, "", 'nxx must be three digits, the first 2 to 9; it is ""'),
        (1, "٢٠٠", 'nxx must be three digits, the first 2 to 9; it is "٢٠٠"'),
        (2, "0340", 'blocks must be thousands digits, each once, such as 0347; it is "0340"'),
        (2, "", 'blocks must be thousands digits, each once, such as 0347; it is ""'),
        (3, "USA", 'country must be two letters or empty; it is "USA"'),
        (4, "N1", 'state must be two letters or empty; it is "N1"'),
        (6, "", "carrier is empty"),
        (6, "x" * 201, "carrier must be at most 200 characters; it has 201"),
        (6, "VERI\x1bZON", 'carrier must not have control characters; it is "VERI?ZON"'),
        (7, "mobile", 'line_type must be one of wireless, voip, landline, pager, or empty; it is "mobile"'),
    ],
)
def test_each_rule_names_the_column(at: int, cell: str, message: str) -> None:
    """And what stands in it."""
    cells = ["201", "200", "0347", "US", "NJ", "America/New_York", "VERIZON", "landline"]
    cells[at] = cell
    with pytest.raises(LineRejected) as caught:
        own.parse(cells)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["201200", "201-200"])
def test_area_code_and_exchange_may_share_a_cell(text: str) -> None:
    """With a hyphen between them or without."""
    assert lines.area_code_and_exchange("NPA-NXX", text) == ("201", 200)


@pytest.mark.parametrize("text", ["201-20", "2012000", "101-200", "201-100", "20-1200", "201--200", ""])
def test_what_is_no_area_code_and_exchange_is_rejected(text: str) -> None:
    """With an example of what is one."""
    with pytest.raises(LineRejected) as caught:
        lines.area_code_and_exchange("NPA-NXX", text)
    assert str(caught.value) == (f'NPA-NXX must be an area code and an exchange, such as 212-664; it is "{text}"')


def test_columns_are_mapped_by_name() -> None:
    """Whatever their order; what is not mapped is empty, and without blocks all ten are meant."""
    header = cells_of("owner;prefix;area;kind;st", ";")
    columns = mapped.parse_map("npa=area, nxx=prefix,carrier=owner,line_type=kind,state=st")
    found = mapped.mapped_format(header, ";", columns, "utf-8")
    assert found.parse(["ACME", "200", "201", "VoIP", "nj"]) == Claim(
        "201", 200, ALL, "ACME", state="NJ", line_type="voip"
    )
    both = mapped.mapped_format(["code", "who"], ",", mapped.parse_map("npa=code,nxx=code,carrier=who"), "utf-8")
    assert both.parse(["201-200", "ACME"]) == Claim("201", 200, ALL, "ACME")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("npa", '"npa" must be FIELD=COLUMN'),
        ("npa=", '"npa=" must be FIELD=COLUMN'),
        (
            "ocn=x",
            '"ocn" is no field; the fields are npa, nxx, carrier, blocks, country, state, timezone, line_type, '
            "rate_center",
        ),
        ("npa=a,npa=b", '"npa" is named twice'),
        ("npa=a", "nxx, carrier must be named"),
    ],
)
def test_a_mapping_that_is_none_says_why(text: str, message: str) -> None:
    """What to write instead."""
    with pytest.raises(ValueError, match=r".") as caught:
        mapped.parse_map(text)
    assert str(caught.value) == message


def test_a_column_that_is_not_there_is_named() -> None:
    """With those that are."""
    columns = {"npa": "a", "nxx": "b", "carrier": "c"}
    with pytest.raises(ValueError, match=r".") as caught:
        mapped.mapped_format(["a", "b", "b", "d"], ",", columns, "utf-8")
    assert str(caught.value) == '--map nxx=b: the header has twice "b"; it has a, b, b, d'
    with pytest.raises(ValueError, match=r".") as caught:
        mapped.mapped_format(["a", "b", "d"], ",", columns, "utf-8")
    assert str(caught.value) == '--map carrier=c: the header does not have "c"; it has a, b, d'


@pytest.mark.parametrize(("header", "delimiter"), [("a,b", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ("a|b", "|")])
def test_the_delimiter_is_what_the_header_has_most_of(header: str, delimiter: str) -> None:
    """Of comma, semicolon, tab and bar."""
    assert mapped.delimiter_of(header) == delimiter
