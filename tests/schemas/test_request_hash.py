"""The hash of a request: by it a request_id that comes again is the same request, or another one."""

from typing import Any

import pytest

from schemas.parse import parse_request
from tests.schemas.sample_requests import EVERYTHING, GENERATE, in_json, without


@pytest.mark.parametrize(
    "other",
    [
        dict(reversed(EVERYTHING.items())),
        {**EVERYTHING, "area_code": None},
        without(EVERYTHING, "fictional"),
    ],
)
def test_equal_requests_have_equal_hashes(other: dict[str, Any]) -> None:
    """Another order of keys and defaults spelled out make no other request."""
    assert parse_request(in_json(other)).body_hash() == parse_request(in_json(EVERYTHING)).body_hash()


def test_the_two_names_of_one_area_code_make_one_hash() -> None:
    """area_code 415 and area_codes [415] ask for the same."""
    one = parse_request(in_json({**GENERATE, "area_code": "415"}))
    assert one.body_hash() == parse_request(in_json({**GENERATE, "area_codes": ["415"]})).body_hash()
    assert one.body_hash() != parse_request(in_json(GENERATE)).body_hash()


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name != "type"])
def test_every_field_counts_for_the_hash(name: str) -> None:
    """Another value of any field is another request."""
    others = {"quantity": 11, "batch_size": 101, "area_codes": ["415"], "line_types": ["voip"], "seed": 7}
    flags = {"auto_validate": False, "on_shortfall": "fail", "fictional": True}
    texts = {"states": ["NV"], "countries": ["CA"], "timezones": ["UTC"], "carriers": ["x"]}
    other = {**EVERYTHING, name: {**others, **flags, **texts}.get(name, "other")}
    assert parse_request(in_json(other)).body_hash() != parse_request(in_json(EVERYTHING)).body_hash()
