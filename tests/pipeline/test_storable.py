"""Text and JSON as PostgreSQL takes them."""

import pytest

from pipeline.storable import is_storable, storable, storable_json


@pytest.mark.parametrize("text", ["", "plain", "\u00fc\u20ac\U0001f4de", "\n\x01\x7f", "\\u0000"])
def test_what_can_be_held_stays_as_it_is(text: str) -> None:
    """Control characters but NUL, and pairs of surrogates, which are one character in Python."""
    assert is_storable(text)
    assert storable(text) == text


@pytest.mark.parametrize("unfit", ["\0", chr(0xD800), chr(0xDFFF)])
def test_what_cannot_be_held_is_replaced(unfit: str) -> None:
    """However deep in JSON, in the names of members too."""
    assert not is_storable(f"a{unfit}b")
    assert storable(f"a{unfit}b{unfit}") == "a\ufffdb\ufffd"
    found = storable_json({f"n{unfit}": [unfit, {"x": (f"{unfit}y", 7, None, True)}]})
    assert found == {"n\ufffd": ["\ufffd", {"x": ["\ufffdy", 7, None, True]}]}
