"""Numbers as people write them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.notation import NOT_A_NUMBER, NOT_NANP, parse, parse_all, parse_by_library

NUMBER = 4155550123


@pytest.mark.parametrize(
    "text",
    [
        "+14155550123",
        "4155550123",
        "14155550123",
        "+1 415 555 0123",
        "(415) 555-0123",
        "1-415-555-0123",
        "1 (415) 555.0123",
        "+1 (415) 555-0123",
        "415.555.0123",
        " 415 555 0123 ",
        "415-555-0123 ext. 45",
        "(415) 555-0123 x45",
        "+1-415-555-0123;ext=45",
        "tel:+1-415-555-0123",
        "\uff0b\uff11 \uff14\uff11\uff15 \uff15\uff15\uff15 \uff10\uff11\uff12\uff13",  # full width
    ],
)
def test_any_usual_notation_is_one_number(text: str) -> None:
    """International, national, with and without 1, with an extension."""
    assert parse(text) == NUMBER


def test_letters_of_a_keypad_are_digits() -> None:
    """As libphonenumber reads them."""
    assert parse("1-800-FLOWERS") == 8003569377


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", NOT_A_NUMBER),
        ("call me", NOT_A_NUMBER),
        ("5550123", NOT_A_NUMBER),
        ("415555012", NOT_A_NUMBER),
        ("41555501234", NOT_A_NUMBER),
        ("1" * 200, NOT_A_NUMBER),
        ("4" * 300, NOT_A_NUMBER),
        ("\0", NOT_A_NUMBER),
        ("+44 20 7123 4567", NOT_NANP),
        ("011 44 20 7123 4567", NOT_NANP),
        ("+52 55 1234 5678", NOT_NANP),
        ("+999 123456789", NOT_A_NUMBER),
    ],
)
def test_what_is_no_number_of_ours_has_a_code(text: str, code: int) -> None:
    """Of other countries, too short, too long, no number at all; nothing raises."""
    assert parse(text) == code


USUAL = st.text(" ().-+0123456789", max_size=20)
SHAPED = st.tuples(
    st.sampled_from(["", "+1", "1", "+1 ", "1-", " (", "+ 1", "(1) ", "+(1)", "11", "+11", "0", "011", "+2"]),
    st.integers(0, 10**11).map(str),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(" ().-")), max_size=5),
)


@given(st.one_of(USUAL, SHAPED, st.text(max_size=30)))
@settings(max_examples=3000, deadline=None)
def test_the_fast_path_says_what_the_library_says(made: str | tuple[str, str, list[tuple[int, str]]]) -> None:
    """Whatever the text: with and without country code, punctuation anywhere, digits of any count."""
    if isinstance(made, tuple):
        text = made[1]
        for at, mark in made[2]:
            text = text[:at] + mark + text[at:]
        text = made[0] + text
    else:
        text = made
    assert parse(text) == parse_by_library(text)


@pytest.mark.parametrize(("spaces", "code"), [(240, NUMBER), (241, NOT_A_NUMBER)])
def test_a_text_of_any_length_is_what_the_library_takes_it_for(spaces: int, code: int) -> None:
    """The usual notations end where the library's do: a line of a list may have a million spaces."""
    text = " " * spaces + str(NUMBER)
    assert parse(text) == parse_by_library(text) == code


def test_a_column_keeps_its_order() -> None:
    """One integer a text."""
    assert parse_all(["+14155550123", "x", "+442071234567"]).tolist() == [NUMBER, NOT_A_NUMBER, NOT_NANP]
