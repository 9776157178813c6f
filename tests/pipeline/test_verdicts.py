"""Verdicts on any number: every reason, against the rules written out number by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline.notation import NOT_A_NUMBER, NOT_NANP
from pipeline.verdicts import CODE, NO_PREFIX, REASONS, Blocks
from tests.pipeline.data import AREA_CODES, ROWS

BLOCKS = Blocks.of(7, AREA_CODES.values())


def verdict(number: int, suppressed: dict[int, BitMap] | None = None) -> tuple[str, int]:
    """Reason and prefix id of one number."""
    found = BLOCKS.judge(np.array([number], np.int64), suppressed)
    return REASONS[found.reasons[0]], int(found.prefix_ids[0])


def holder(area_code: str, row: int) -> int:
    """The prefix id of a row of an area code."""
    return AREA_CODES[area_code].first_prefix_id + row


@pytest.mark.parametrize(
    ("number", "reason", "prefix"),
    [
        (4152000000, "valid", holder("415", 0)),
        (4152009999, "valid", holder("415", 1)),
        (4152003000, "unassigned_block", NO_PREFIX),
        (4152010000, "unassigned_exchange", NO_PREFIX),
        (4155550100, "fictional", holder("415", 5)),
        (4155550199, "fictional", holder("415", 5)),
        (4155550099, "special_exchange", holder("415", 5)),
        (4155550200, "special_exchange", holder("415", 5)),
        (4159760000, "special_exchange", holder("415", 3)),
        (4154111000, "special_exchange", holder("415", 4)),
        (4159580000, "special_exchange", NO_PREFIX),
        (9995550123, "special_area_code", NO_PREFIX),
        (8005550123, "special_area_code", NO_PREFIX),
        (9002000000, "special_area_code", NO_PREFIX),
        (5002000000, "special_area_code", NO_PREFIX),
        (6002000000, "special_area_code", NO_PREFIX),
        (4112000000, "special_area_code", NO_PREFIX),
        (2902000000, "special_area_code", NO_PREFIX),
        (3702000000, "special_area_code", NO_PREFIX),
        (9602000000, "special_area_code", NO_PREFIX),
        (9502000000, "special_area_code", NO_PREFIX),
        (2012000000, "unassigned_area_code", NO_PREFIX),
        (2015550123, "unassigned_area_code", NO_PREFIX),
        (1152000000, "not_nanp", NO_PREFIX),
        (4151000000, "not_nanp", NO_PREFIX),
        (4150999999, "not_nanp", NO_PREFIX),
        (NOT_NANP, "not_nanp", NO_PREFIX),
        (NOT_A_NUMBER, "not_a_number", NO_PREFIX),
        (9999999999, "special_area_code", NO_PREFIX),
        (0, "not_nanp", NO_PREFIX),
    ],
)
def test_every_reason(number: int, reason: str, prefix: int) -> None:
    """By the area code first, then the exchange, then the block; the edges of the fictional range too."""
    assert verdict(number) == (reason, prefix)


def test_a_suppressed_number_is_a_valid_one_that_must_not_be_given_out() -> None:
    """Numbers as the ledger has them; what is invalid for another reason keeps it."""
    suppressed = {415: BitMap([0, 1_000_005]), 212: BitMap([5])}
    assert verdict(4152000000, suppressed) == ("suppressed", holder("415", 0))
    assert verdict(4153000005, suppressed) == ("suppressed", holder("415", 2))
    assert verdict(4152000001, suppressed)[0] == "valid"
    assert verdict(2122000005, suppressed)[0] == "unassigned_exchange"


def by_the_rules(number: int) -> str:
    """The rules of docs/numbering.md, one after the other."""
    if number < 0:
        return "not_a_number" if number == NOT_A_NUMBER else "not_nanp"
    text = f"{number:010}"
    npa, nxx, line = text[:3], text[3:6], text[6:]
    if npa[0] in "01" or nxx[0] in "01":
        return "not_nanp"
    rows = [row for row in ROWS if row.area_code == npa]
    if not rows:
        special = npa[1:] == "11" or npa[1] == "9" or npa[:2] in ("37", "96") or npa[0] == "5"
        special |= int(npa) in {800, 833, 844, 855, 866, 877, 888, 900, 700, 710, 600, 622, 633, 950}
        return "special_area_code" if special else "unassigned_area_code"
    if nxx == "555" and "0100" <= line <= "0199":
        return "fictional"
    if nxx in ("555", "700", "950", "958", "959", "976") or nxx[1:] == "11":
        return "special_exchange"
    held = {int(digit) for row in rows if row.nxx == int(nxx) for digit in range(10) if row.blocks >> digit & 1}
    if not held:
        return "unassigned_exchange"
    return "valid" if int(line[0]) in held else "unassigned_block"


NEAR = st.builds(
    lambda npa, nxx, line: int(f"{npa}{nxx:03}{line:04}"),
    st.sampled_from([415, 212, 416, 418, 800, 511]),
    st.sampled_from([*(row.nxx for row in ROWS), 555, 199, 200, 958, 999, 0]),
    st.integers(0, 9999) | st.sampled_from([99, 100, 199, 200]),
)


@given(st.lists(NEAR | st.integers(0, 9_999_999_999) | st.sampled_from([-1, -2]), max_size=50))
@settings(max_examples=300, deadline=None)
def test_a_column_is_judged_as_each_of_its_numbers_by_the_rules(numbers: list[int]) -> None:
    """The join of columns against the rules written out."""
    found = BLOCKS.judge(np.array(numbers, np.int64))
    assert [REASONS[code] for code in found.reasons] == [by_the_rules(number) for number in numbers]
    assert sum(found.counts().values()) == len(numbers)


def test_codes_are_places_in_the_list() -> None:
    """What is stored as a code reads back as its reason."""
    assert [REASONS[CODE[reason]] for reason in REASONS] == list(REASONS)
