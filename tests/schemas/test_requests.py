"""Every rule of the contract's requests, in JSON and in Avro."""

import json
from typing import Any

import pytest

from schemas import events
from schemas.parse import parse_request
from schemas.requests import CancelRequest, GenerateRequest
from tests.schemas.sample_requests import (
    CANCEL,
    EVERYTHING,
    GENERATE,
    TASK,
    TEXT_200,
    in_avro,
    in_json,
    refused,
    sendable,
    without,
)

ID_RULE = "must be 1 to 64 of A-Z a-z 0-9 . _ : -"
TEXT_64 = "must be text of 1 to 64 characters without control characters"
SIZE_RULE = "must be a whole number from 100 to 10000"
QUANTITY_RULE = "must be a whole number from 1 to 1000000"
CODE_RULE = 'must be three digits, the first 2 to 9, such as "415"'
CODES_RULE = 'must be a list of at most 800 area codes of three digits, such as ["415", "628"]'
SHORTFALL_RULE = 'must be "fail" or "partial"'
TASK_RULE = "must be the task's id, a lower-case UUID"


@pytest.mark.parametrize("form", [in_json, in_avro])
def test_a_request_with_every_field_is_read(form: Any) -> None:
    """JSON and Avro make the same request."""
    request = parse_request(form(EVERYTHING))
    assert isinstance(request, GenerateRequest)
    assert request.model_dump() == {
        **{name: tuple(value) if isinstance(value, list) else value for name, value in EVERYTHING.items()},
        "area_code": None,
    }


@pytest.mark.parametrize("fields", [GENERATE, EVERYTHING, CANCEL, {**GENERATE, "area_code": "415"}])
def test_json_and_avro_make_equal_requests(fields: dict[str, Any]) -> None:
    """And equal hashes, so one may be sent again as the other."""
    json_form, avro_form = parse_request(in_json(fields)), parse_request(in_avro(fields))
    assert json_form == avro_form
    assert json_form.body_hash() == avro_form.body_hash()


def test_defaults_are_those_of_the_contract() -> None:
    """What a request leaves out."""
    request = parse_request(in_json(GENERATE))
    assert isinstance(request, GenerateRequest)
    assert (request.batch_size, request.auto_validate, request.on_shortfall) == (None, False, "fail")
    assert (request.seed, request.fictional, request.project_id, request.task_name) == (None, False, None, None)
    assert request.wanted_area_codes() == ()
    assert request.as_filters() == events.Filters()


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("request_id", ["a", "A" * 64, "0._:-"]),
        ("user_id", ["a", "Z" * 64]),
        ("project_id", ["p", "x" * 64, "two words", None]),
        ("task_name", ["x" * 200, "Ünïcode", None]),
        ("quantity", [1, 1_000_000]),
        ("batch_size", [100, 10_000]),
        ("area_code", ["200", "999", None]),
        ("area_codes", [[], ["415"], ["415"] * 800]),
        ("states", [[], ["CA"] * 100]),
        ("countries", [["US", "CA"]]),
        ("timezones", [["America/New_York"]]),
        ("carriers", [["x" * 100]]),
        ("line_types", [["wireless", "voip", "landline", "pager"]]),
        ("auto_validate", [True, False]),
        ("seed", [0, 2**63 - 1, -(2**63), None]),
        ("on_shortfall", ["fail", "partial"]),
        ("fictional", [True, False]),
    ],
)
def test_the_edges_of_every_rule_are_accepted(name: str, accepted: list[Any]) -> None:
    """The least and the most that a field may hold."""
    for value in accepted:
        assert parse_request(in_json({**GENERATE, name: value}))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        *[
            (name, value, f"{ID_RULE}; got {got}")
            for name in ("request_id", "user_id")
            for value, got in [
                ("", '""'),
                ("a/b", '"a/b"'),
                ("é", '"\\u00e9"'),
                ("a\n", '"a\\n"'),
                (7, "7"),
                (None, "null"),
                ("a" * 65, '"' + "a" * 56 + "..."),
            ]
        ],
        ("project_id", "", f'{TEXT_64}; got ""'),
        ("project_id", "x" * 65, TEXT_64),
        ("project_id", "a\x00b", f'{TEXT_64}; got "a\\u0000b"'),
        ("project_id", 5, f"{TEXT_64}; got 5"),
        ("task_name", "x" * 201, TEXT_200),
        ("task_name", "\t", f'{TEXT_200}; got "\\t"'),
        ("quantity", 0, f"{QUANTITY_RULE}; got 0"),
        ("quantity", 1_000_001, f"{QUANTITY_RULE}; got 1000001"),
        ("quantity", -1, f"{QUANTITY_RULE}; got -1"),
        ("quantity", 2.0, f"{QUANTITY_RULE}; got 2.0"),
        ("quantity", True, f"{QUANTITY_RULE}; got true"),
        ("quantity", "10", f'{QUANTITY_RULE}; got "10"'),
        ("quantity", None, f"{QUANTITY_RULE}; got null"),
        ("quantity", 10**30, f"{QUANTITY_RULE}; got 1{'0' * 30}"),
        ("batch_size", 99, f"{SIZE_RULE}; got 99"),
        ("batch_size", 10_001, f"{SIZE_RULE}; got 10001"),
        ("batch_size", 100.0, f"{SIZE_RULE}; got 100.0"),
        ("area_code", "115", f'{CODE_RULE}; got "115"'),
        ("area_code", "4155", f'{CODE_RULE}; got "4155"'),
        ("area_code", 415, f"{CODE_RULE}; got 415"),
        ("area_codes", "415", f'{CODES_RULE}; got "415"'),
        ("area_codes", [415], f"{CODES_RULE}; got [415]"),
        ("area_codes", ["415", "12"], f'{CODES_RULE}; got ["415", "12"]'),
        ("area_codes", ["415"] * 801, f"{CODES_RULE}; got "),
        ("states", "CA", 'must be a list of at most 100 two-letter states or provinces; got "CA"'),
        ("states", [""], 'must be a list of at most 100 two-letter states or provinces; got [""]'),
        ("countries", ["US"] * 101, "must be a list of at most 100 two-letter ISO 3166 countries; got "),
        ("timezones", [1], "must be a list of at most 100 IANA time zones, such as America/New_York; got [1]"),
        ("carriers", ["x" * 101], "must be a list of at most 100 parts of operating companies' names; got "),
        ("carriers", ["\x7f"], "must be a list of at most 100 parts of operating companies' names; got "),
        (
            "line_types",
            ["mobile"],
            'must be a list of at most 4 of wireless, voip, landline, pager; got ["mobile"]',
        ),
        ("line_types", {"a": 1}, 'must be a list of at most 4 of wireless, voip, landline, pager; got {"a": 1}'),
        ("auto_validate", "yes", 'must be true or false; got "yes"'),
        ("auto_validate", 1, "must be true or false; got 1"),
        ("fictional", None, "must be true or false; got null"),
        ("seed", 2**63, "must be a whole number of at most 64 bits; got 9223372036854775808"),
        ("seed", 1.5, "must be a whole number of at most 64 bits; got 1.5"),
        ("seed", True, "must be a whole number of at most 64 bits; got true"),
        ("on_shortfall", "maybe", f'{SHORTFALL_RULE}; got "maybe"'),
        ("on_shortfall", None, f"{SHORTFALL_RULE}; got null"),
        ("quantiy", 5, "is not a field of this request, did you mean quantity?"),
        ("zzz", 5, "is not a field of this request"),
        ("task_id", TASK, "is not a field of this request, did you mean task_name?"),
        ("type", "generat", 'must be one of generate, validate, cancel; got "generat"'),
        ("type", ["generate"], 'must be one of generate, validate, cancel; got ["generate"]'),
    ],
)
def test_a_broken_rule_names_its_field_and_what_it_accepts(name: str, value: Any, text: str) -> None:
    """One broken field makes one error, and the rest of the request is not blamed."""
    invalid = refused(in_json({**GENERATE, name: value}))
    (error,) = invalid.errors
    assert error.field == name
    assert (
        error.message == text
        or (text.endswith("got ") and error.message.startswith(text))
        or (text in (TEXT_64, TEXT_200) and error.message.startswith(f'{text}; got "xxx'))
    )
    assert invalid.code == "invalid_request"
    assert sendable(invalid)


@pytest.mark.parametrize(
    ("fields", "name", "text"),
    [
        (GENERATE, "request_id", f"is missing: it {ID_RULE}"),
        (GENERATE, "user_id", f"is missing: it {ID_RULE}"),
        (GENERATE, "quantity", f"is missing: it {QUANTITY_RULE}"),
        (GENERATE, "type", "must be one of generate, validate, cancel; it is missing"),
        (CANCEL, "task_id", f"is missing: it {TASK_RULE}"),
        (CANCEL, "request_id", f"is missing: it {ID_RULE}"),
    ],
)
def test_a_missing_field_is_named_with_its_rule(fields: dict[str, Any], name: str, text: str) -> None:
    """Nothing required has a silent default."""
    assert refused(in_json(without(fields, name))).errors == (events.FieldError(name, text),)


@pytest.mark.parametrize("task", [TASK.upper(), TASK[:-1], TASK + "0", "", 5, None])
def test_a_cancel_names_a_task_by_its_uuid(task: Any) -> None:
    """Any other text is refused before anybody looks for such a task."""
    (error,) = refused(in_json({**CANCEL, "task_id": task})).errors
    assert error == events.FieldError("task_id", f"{TASK_RULE}; got {json.dumps(task)}")
    assert isinstance(parse_request(in_json(CANCEL)), CancelRequest)


def test_all_broken_fields_are_named_at_once() -> None:
    """A user corrects a request once, not field by field; what could be read is told all the same."""
    body = {**GENERATE, "quantity": 0, "batch_size": "x", "seed": 1.0, "colour": 1, "states": ["CA"]}
    invalid = refused(in_json(body))
    assert {error.field for error in invalid.errors} == {"quantity", "batch_size", "seed", "colour"}
    assert str(invalid).startswith(f"quantity: {QUANTITY_RULE}; got 0; ")
    assert (invalid.type, invalid.user_id, invalid.request_id) == ("generate", "demo", "r-1")
    assert invalid.filters is not None
    assert invalid.filters.states == ("CA",)


def test_area_codes_have_one_of_two_names() -> None:
    """Both at once would leave open which counts."""
    invalid = refused(in_json({**GENERATE, "area_code": "415", "area_codes": ["628"]}))
    assert invalid.errors == (events.FieldError("area_codes", "give area_code or area_codes, not both"),)


def test_filters_are_sorted_distinct_and_in_one_case() -> None:
    """So that equal filters are equal in events and caches."""
    body = {"states": ["nv", "CA", "ca"], "carriers": ["Verizon", "VERIZON"], "area_codes": ["628", "415", "628"]}
    request = parse_request(in_json({**GENERATE, **body}))
    assert isinstance(request, GenerateRequest)
    assert request.as_filters() == events.Filters(states=("CA", "NV"), carriers=("verizon",))
    assert request.wanted_area_codes() == ("415", "628")
