"""Positions, as text and back."""

import pytest

from gateway.positions import Position


@pytest.mark.parametrize("one", [Position.of(3, 17, b"value"), Position.of(0, 10**17, None), Position(1, -1, 0)])
def test_a_position_survives_its_text(one: Position) -> None:
    assert Position.parse(str(one)) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0-1",
        "0-1-2",
        "-1-1-00000000",
        "0--2-00000000",
        "a-1-00000000",
        "0-1-0000000g",
        "0-1-00000000\n",
        "0-" + "9" * 40 + "-00000000",
    ],
)
def test_what_no_gateway_has_given_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


def test_another_value_at_the_same_offset_is_another_position() -> None:
    assert Position.of(0, 1, b"a") != Position.of(0, 1, b"b")
