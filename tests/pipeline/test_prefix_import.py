"""The lines of several files, put together: one holder a block."""

import pytest

from pipeline.area_codes import Area, AreaCodes
from pipeline.line_types import LineTypes, Rule
from pipeline.prefix_build import PrefixRow
from pipeline.prefix_changes import changed_blocks, count_blocks, count_changes
from pipeline.prefix_files.lines import Claim, LineRejected, NotHeld
from pipeline.prefix_import import Claims, Conflict, Place, merged, timezones_of

ALL = 0b11_1111_1111
EXCHANGES, BLOCKS, BOTH = (0,), (1,), (0, 1)
AREAS = {
    "201": Area("US", ("NJ",), ("America/New_York",)),
    "212": Area("US", ("NY",), ("America/New_York",)),
    "416": Area("CA", ("ON",), ("America/Toronto",)),
    "541": Area("US", ("OR",), ("America/Boise", "America/Los_Angeles")),
    "867": Area("CA", ("NT", "NU", "YT"), ("America/Edmonton", "America/Whitehorse")),
    "787": Area("PR", (), ("America/Puerto_Rico",)),
}


def claims(**opened: str) -> Claims:
    """An import of nothing yet."""
    rules = LineTypes([Rule("wireless", "wireless", "says so")])
    return Claims(AreaCodes(AREAS, frozenset(opened)), rules, {("541", 200): "America/Boise"})


Said = tuple[Claim | NotHeld, tuple[int, ...]]


def taken(*said: Said, into: Claims | None = None) -> Claims:
    """Lines 2, 3, ... of file 0."""
    found = into or claims()
    for number, (line, levels) in enumerate(said, 2):
        found.take(line, levels, Place(0, number))
    return found


def test_what_the_file_does_not_say_is_completed() -> None:
    """State, country, time zone and line type; an exchange that is known keeps its time zone."""
    found = taken(
        (Claim("201", 200, ALL, "ACME WIRELESS"), EXCHANGES),
        (Claim("541", 200, ALL, "ACME", state="OR"), EXCHANGES),
        (Claim("541", 201, ALL, "ACME"), EXCHANGES),
        (Claim("867", 200, ALL, "NORTH", state="YK"), EXCHANGES),
        (Claim("787", 200, ALL, "ISLAND", state="PR"), EXCHANGES),
        (Claim("212", 200, ALL, "ACME", "US", "NY", "Etc/UTC", "voip", "MANHATTAN"), BOTH),
    )
    assert found.rows() == {
        "201": [PrefixRow("201", 200, ALL, "US", "NJ", "America/New_York", "ACME WIRELESS", "wireless")],
        "212": [PrefixRow("212", 200, ALL, "US", "NY", "Etc/UTC", "ACME", "voip", "MANHATTAN")],
        "541": [
            PrefixRow("541", 200, ALL, "US", "OR", "America/Boise", "ACME", "landline"),
            PrefixRow("541", 201, ALL, "US", "OR", "", "ACME", "landline"),
        ],
        "787": [PrefixRow("787", 200, ALL, "PR", "", "America/Puerto_Rico", "ISLAND", "landline")],
        "867": [PrefixRow("867", 200, ALL, "CA", "YT", "", "NORTH", "landline")],
    }
    assert found.countries() == {"US", "CA", "PR"}


def test_an_import_has_as_many_files_as_there_are_area_codes() -> None:
    """One for each is how some have them; the place of a line in the last of them is told like any other."""
    found = claims()
    for line in (2, 3):
        found.take(Claim("201", 200, 0b1, "ACME"), BOTH, Place(799, line))
    assert found.conflicts == [Conflict("201-200-0", Place(799, 2), Place(799, 3))]


def test_a_file_of_single_blocks_goes_before_one_of_exchanges() -> None:
    """Whichever is read first: assigned to another, available, or not spoken of and so the exchange's holder's."""
    exchange: Said = (Claim("201", 200, ALL, "HOLDER"), EXCHANGES)
    blocks: list[Said] = [
        (Claim("201", 200, 0b1, "OTHER"), BLOCKS),
        (Claim("201", 200, 0b10, "HOLDER"), BLOCKS),
        (NotHeld("201", 200, 0b100, "AV"), BLOCKS),
    ]
    for order in ([exchange, *blocks], [*blocks, exchange]):
        assert [(row.carrier, row.blocks) for row in taken(*order).rows()["201"]] == [
            ("HOLDER", 0b11_1111_1010),
            ("OTHER", 0b1),
        ]
    # what a file of exchanges does not give to anybody is no objection
    free = (NotHeld("201", 201, ALL, "VC"), EXCHANGES)
    assert taken(free, (Claim("201", 201, 0b1, "OTHER"), BLOCKS)).rows()["201"][0].carrier == "OTHER"


@pytest.mark.parametrize(
    ("first", "second", "blocks"),
    [
        ((Claim("201", 200, ALL, "A"), EXCHANGES), (Claim("201", 200, ALL, "B"), EXCHANGES), 10),
        ((Claim("201", 200, ALL, "A"), EXCHANGES), (Claim("201", 200, ALL, "A"), EXCHANGES), 10),
        ((Claim("201", 200, 0b11, "A"), BLOCKS), (Claim("201", 200, 0b10, "B"), BLOCKS), 1),
        ((Claim("201", 200, 0b11, "A"), BLOCKS), (NotHeld("201", 200, 0b10, "AV"), BLOCKS), 1),
        ((Claim("201", 200, 0b11, "A"), BOTH), (Claim("201", 200, 0b10, "B"), BLOCKS), 1),
        ((Claim("201", 200, ALL, "A"), EXCHANGES), (Claim("201", 200, 0b10, "B"), BOTH), 1),
    ],
)
def test_two_lines_must_not_speak_of_one_block(
    first: tuple[Claim | NotHeld, tuple[int, ...]],
    second: tuple[Claim | NotHeld, tuple[int, ...]],
    blocks: int,
) -> None:
    """Of another company or the same, at one level; each such block is counted and the lines are named."""
    found = taken(first, second)
    assert found.conflicting == blocks
    digit = 1 if blocks == 1 else 0
    assert found.conflicts[0] == Conflict(f"201-200-{digit}", Place(0, 2), Place(0, 3))


def test_area_codes_that_are_not_in_use_are_collected() -> None:
    """With the first line and how many; one that was opened lately may be named."""
    lines = [(Claim("999", nxx, ALL, "A", state="NJ"), EXCHANGES) for nxx in (200, 201)]
    found = taken(*lines)
    assert {code: (one.first, one.lines) for code, one in found.unknown.items()} == {"999": (Place(0, 2), 2)}
    assert found.rows() == {}
    opened = taken(*lines, into=Claims(AreaCodes(AREAS, frozenset({"999"})), LineTypes([]), {}))
    assert not opened.unknown
    assert [row.country for row in opened.rows()["999"]] == ["US", "US"]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (Claim("416", 200, ALL, "A", "US"), "area code 416 is in CA, not in US"),
        (Claim("416", 200, ALL, "A", state="NY"), "area code 416 is in CA, not in US"),
        (Claim("212", 200, ALL, "A", "CA", "NY"), "NY is a state of US, not of CA"),
        (Claim("212", 200, ALL, "A", "US", "ZZ"), "ZZ is no US state, territory or Canadian province"),
    ],
)
def test_places_that_do_not_fit_are_rejected(claim: Claim, message: str) -> None:
    """A state of another country, an area code of another country, no state at all."""
    with pytest.raises(LineRejected) as caught:
        taken((claim, EXCHANGES))
    assert str(caught.value) == message


def test_the_country_of_an_opened_area_code_must_be_told_and_be_one() -> None:
    """The table does not have it."""
    found = Claims(AreaCodes(AREAS, frozenset({"999"})), LineTypes([]), {})
    with pytest.raises(LineRejected) as caught:
        found.take(Claim("999", 200, ALL, "A"), EXCHANGES, Place(0, 2))
    assert str(caught.value) == "the country of area code 999 is not known; name it in a column"
    found.take(Claim("999", 200, ALL, "A", "US"), EXCHANGES, Place(0, 2))
    with pytest.raises(LineRejected) as caught:
        found.take(Claim("999", 201, ALL, "A", "CA"), EXCHANGES, Place(0, 3))
    assert str(caught.value) == "area code 999 is in US by the lines before, not in CA"


def test_an_import_replaces_the_countries_that_it_covers() -> None:
    """All of their area codes, those without a line too; and no other country."""
    current = {
        "201": [PrefixRow("201", 200, ALL, "US", "NJ", "", "OLD", "landline")],
        "212": [PrefixRow("212", 200, ALL, "US", "NY", "", "OLD", "landline")],
        "416": [PrefixRow("416", 200, ALL, "CA", "ON", "", "OLD", "landline")],
    }
    claimed = taken((Claim("201", 300, ALL, "NEW"), EXCHANGES)).rows()
    after = merged(current, claimed, {"US"}, AreaCodes(AREAS))
    assert {code: [row.carrier for row in rows] for code, rows in after.items()} == {"201": ["NEW"], "416": ["OLD"]}


def test_changes_are_counted_block_by_block() -> None:
    """Added, withdrawn, with another company, and otherwise different; rows cut another way do not differ."""

    def row(blocks: int, carrier: str, line_type: str = "landline") -> PrefixRow:
        return PrefixRow("201", 200, blocks, "US", "NJ", "", carrier, line_type)

    before = {"201": [row(0b0011, "A"), row(0b1100, "B")], "212": [row(0b1, "A")]}
    after = {"201": [row(0b0001, "A"), row(0b0010, "A", "voip"), row(0b10100, "B")], "212": [row(0b1, "A")]}
    assert [(change.digit, change.kind) for change in changed_blocks(before, after)] == [
        (1, "amended"),
        (3, "withdrawn"),
        (4, "added"),
    ]
    assert count_changes(before, {**after, "201": [row(0b1111, "C")]}) == {"US": {"moved": 4}}
    assert count_changes({"201": [row(0b11, "A")]}, {"212": [row(0b111, "A")]}) == {
        "US": {"withdrawn": 2, "added": 3}
    }
    split = {"201": [row(0b01, "A"), row(0b10, "A"), row(0b1100, "B")], "212": [row(0b1, "A")]}
    assert list(changed_blocks(before, split)) == []
    assert count_blocks(before) == {"US": {"NJ": {"landline": 5}}}


def test_time_zones_of_known_exchanges() -> None:
    """Those that have one."""
    zones = {200: "America/Boise", 201: ""}
    rows = [PrefixRow("541", nxx, 1, "US", "OR", zone, "A", "") for nxx, zone in zones.items()]
    assert timezones_of(rows) == {("541", 200): "America/Boise"}
