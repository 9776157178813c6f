"""What requests may name, how much of it exists, and what they hear when it does not."""

from dataclasses import replace
from itertools import product

import pytest

from pipeline import numbering
from pipeline.catalogue import MOST_SOUGHT, Catalogue
from pipeline.draw import space_of
from pipeline.prefix_build import PrefixRow, block_bits, fictional_row, prefix_events, with_fictional
from pipeline.prefixes import FILTER_OF, AreaCode
from schemas.events import FieldError, Filters
from schemas.requests import NumberFilters
from tests.pipeline.data import AREA_CODES, CATALOGUE, NEW_YORK, ROWS, TORONTO

FILTERS = [
    Filters(*chosen)
    for chosen in product(
        [(), ("CA",), ("NY", "ON")],
        [(), ("US",)],
        [(), (NEW_YORK, TORONTO)],
        [(), ("bell",), ("wireless", "clec")],
        [(), ("wireless",), ("landline", "voip")],
        [False, True],
    )
]
SPECIAL = {211, 311, 411, 511, 611, 711, 811, 911, 555, 700, 950, 958, 959, 976}


def matches(row: PrefixRow, filters: Filters) -> bool:
    """One row by the words of the contract."""
    for attribute, name in FILTER_OF.items():
        wanted, value = getattr(filters, name), getattr(row, attribute)
        found = any(w in value.casefold() for w in wanted) if attribute == "carrier" else value in wanted
        if wanted and not found:
            return False
    return True


def numbers_of(area_code: str, filters: Filters) -> int:
    """How many numbers match, block by block."""
    rows = [row for row in ROWS if row.area_code == area_code]
    if filters.fictional:
        return 100 * matches(fictional_row(area_code, rows), filters)
    return sum(
        1000 * bool(row.blocks >> digit & 1)
        for row in rows
        if matches(row, filters) and row.nxx not in SPECIAL
        for digit in range(10)
    )


def test_what_exists_is_what_counting_finds() -> None:
    """For every combination of filters, of all area codes and of some."""
    for filters in FILTERS:
        for codes in [(), ("212", "415"), ("416",)]:
            counts = {code: numbers_of(code, filters) for code in codes or ("212", "415", "416")}
            assert CATALOGUE.exist(filters, codes) == {code: n for code, n in counts.items() if n}, filters


def test_special_exchanges_are_never_matched() -> None:
    """Under no filter, fictional or not."""
    assert numbering.SPECIAL_EXCHANGES == SPECIAL
    for prefixes, filters in product(AREA_CODES.values(), FILTERS):
        nxx = set(prefixes.rows.nxx[prefixes.rows.matching(filters)].tolist())
        assert nxx & SPECIAL <= ({555} if filters.fictional else set())


def test_blocks_belong_to_the_row_that_holds_them() -> None:
    """One exchange may have several holders; -1 where nobody does."""
    prefixes = AREA_CODES["415"]
    assert prefixes.row_of_block[:11].tolist() == [0, 0, 0, -1, -1, -1, -1, -1, -1, 1, -1]
    assert prefixes.row_of_block[(300 - 200) * 10] == 2
    assert prefixes.matching_blocks(Filters(carriers=("verizon",))).tolist() == [0, 1, 2]
    assert (prefixes.version, prefixes.first_prefix_id) == (7, 1002)
    assert AREA_CODES["212"].first_prefix_id == 1000


def test_a_block_that_two_rows_claim_is_the_later_ones() -> None:
    """For the draw as for enrich; counted twice, the last of its numbers would be sought for ever."""
    rows = [ROWS[0], replace(ROWS[1], blocks=block_bits("23"))]
    (event,) = prefix_events(with_fictional(rows), 1, 0)
    prefixes = AreaCode(event)
    assert prefixes.matching_blocks(Filters()).tolist() == [0, 1, 2, 3]
    assert prefixes.matching_blocks(Filters(carriers=("verizon",))).tolist() == [0, 1]
    assert prefixes.matching_blocks(Filters(carriers=("pacific",))).tolist() == [2, 3]
    space = space_of(prefixes, Filters())
    assert space.size == len(space.bitmap) == 4000


def test_fictional_numbers_lie_where_their_area_code_does() -> None:
    """A place that all its rows share; an area code in two time zones has none."""
    row = fictional_row("415", ROWS)
    assert (row.state, row.country, row.timezone, row.carrier, row.line_type) == ("", "", "", "", "")
    row = fictional_row("212", [ROWS[5]])
    assert (row.nxx, row.blocks, row.state, row.timezone) == (555, 1, "NY", NEW_YORK)


def test_the_fictional_block_is_nobodys_whatever_a_file_says() -> None:
    """A holder of 555-0 in a file is left out; it gives neither more fictional numbers nor a carrier to them."""
    rows = [replace(ROWS[0], nxx=555, blocks=block_bits("0")), replace(ROWS[0], nxx=555, blocks=block_bits("01"))]
    (event,) = prefix_events(with_fictional(rows), 1, 0)
    catalogue = Catalogue(1, [AreaCode(event)])
    assert catalogue.exist(Filters(fictional=True)) == {"415": 100}
    assert catalogue.exist(Filters(fictional=True, carriers=("verizon",))) == {}
    assert AreaCode(event).rows.blocks.tolist() == [0b10, 0b1]


def test_block_digits_become_bits() -> None:
    """Twice the same digit is one block; anything else is no digit."""
    assert block_bits("0347") == 0b10011001
    assert block_bits("00") == 1
    with pytest.raises(ValueError, match="invalid literal"):
        block_bits("A")


@pytest.mark.parametrize(
    ("wanted", "field", "message"),
    [
        ({"area_code": "417"}, "area_code", "417 is not an area code in use"),
        ({"area_codes": ("415", "999")}, "area_codes", "999 is not an area code in use"),
        ({"states": ("CA", "nyc")}, "states", 'no state or province "NYC" in the data; nearest: NY, ON, CA'),
        ({"countries": ("MX",)}, "countries", 'no country "MX" in the data'),
        (
            {"timezones": ("America/NewYork",)},
            "timezones",
            'no time zone "America/NewYork" in the data; '
            "nearest: America/New_York, America/Toronto, America/Los_Angeles",
        ),
        (
            {"carriers": ("Verison",)},
            "carriers",
            'no operating company\'s name contains "verison"; nearest: VERIZON WIRELESS',
        ),
        ({"line_types": ("pager",)}, "line_types", 'no numbers of line type "pager" in the data'),
    ],
)
def test_what_the_data_does_not_know_is_named_with_what_is_near(
    wanted: dict[str, object], field: str, message: str
) -> None:
    """The field as the user wrote it, and only the entry that is wrong."""
    assert CATALOGUE.errors(NumberFilters.model_validate(wanted)) == [FieldError(field, message)]


def test_the_nearest_are_sought_for_a_few_names_alone() -> None:
    """A request may name a hundred companies that nobody knows, and each would be compared with thousands."""
    wanted = NumberFilters(carriers=tuple(f"verison {number}" for number in range(10)))
    told = ["; nearest: VERIZON" in error.message for error in CATALOGUE.errors(wanted)]
    assert told == [True] * MOST_SOUGHT + [False] * (10 - MOST_SOUGHT)


def test_all_unknown_entries_are_named_at_once() -> None:
    """And none where all is known."""
    wanted = NumberFilters(area_codes=("998", "999"), states=("XX",), carriers=("bell", "zzz"))
    assert [error.field for error in CATALOGUE.errors(wanted)] == ["area_codes", "area_codes", "states", "carriers"]
    assert CATALOGUE.errors(NumberFilters(states=("ca",), carriers=("bell",), area_code="415")) == []


@pytest.mark.parametrize(
    ("wanted", "field", "message"),
    [
        ({"states": ("NY",), "line_types": ("voip", "wireless"), "area_code": "415"}, "states", None),
        (
            {"states": ("NY",), "line_types": ("wireless",)},
            "line_types",
            "wireless matches none of the numbers left by states; these have voip",
        ),
        (
            {"countries": ("CA",), "timezones": (NEW_YORK,)},
            "timezones",
            f"{NEW_YORK} matches none of the numbers left by countries; these have {TORONTO}",
        ),
        (
            {"carriers": ("verizon",), "fictional": True},
            "carriers",
            "verizon matches none of the fictional numbers left by all numbers; these have none at all",
        ),
        (
            {"countries": ("US",), "states": ("ON",), "area_codes": ("212", "415")},
            "states",
            "ON matches none of the numbers left by countries and area_codes; these have NY, CA",
        ),
    ],
)
def test_filters_that_exclude_each_other_name_the_first_that_leaves_nothing(
    wanted: dict[str, object], field: str, message: str | None
) -> None:
    """Each of them matches something, all together nothing."""
    filters = NumberFilters.model_validate(wanted)
    assert CATALOGUE.errors(filters) == []
    assert CATALOGUE.exist(filters.as_filters(), filters.wanted_area_codes()) == {}
    error = CATALOGUE.unmatched(filters)
    assert error.field == field
    assert message in (None, error.message)


def test_where_many_names_are_left_the_nearest_are_told() -> None:
    """Ten can be listed whole, a thousand cannot."""
    names = ["ALPHA TEL", "BETA TEL", "VERIZON NEW YORK", *(f"COMPANY {i}" for i in range(9))]
    rows = [
        *(PrefixRow("212", 200 + i, 1, "US", "NY", NEW_YORK, name, "landline") for i, name in enumerate(names)),
        PrefixRow("415", 200, 1, "US", "CA", "", "VERIZON NEW YERSEY", "landline"),
    ]
    catalogue = Catalogue(1, map(AreaCode, prefix_events(with_fictional(rows), 1, 0)))
    error = catalogue.unmatched(NumberFilters(states=("NY",), carriers=("verizon new yersey",)))
    start = "verizon new yersey matches none of the numbers left by states; nearest: VERIZON NEW YORK"
    assert error.message.startswith(start)
