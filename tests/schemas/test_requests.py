"""Every rule of the contract's requests, in JSON and in Avro."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, events
from schemas.parse import MOST_ERRORS, RequestInvalid, parse_request
from schemas.requests import MAX_REQUEST_BYTES, CancelRequest, GenerateRequest, Request

GENERATE: dict[str, Any] = {"type": "generate", "request_id": "r-1", "user_id": "demo", "quantity": 10}
TASK = "f3b1c2d4-0000-5000-8000-0123456789ab"
CANCEL: dict[str, Any] = {"type": "cancel", "request_id": "c-1", "user_id": "demo", "task_id": TASK}
EVERYTHING: dict[str, Any] = {
    **GENERATE,
    "project_id": "spring",
    "task_name": "Ünïcode name",
    "batch_size": 100,
    "area_codes": ["415", "628"],
    "states": ["CA"],
    "countries": ["US"],
    "timezones": ["America/Los_Angeles"],
    "carriers": ["verizon"],
    "line_types": ["wireless"],
    "auto_validate": True,
    "seed": -7,
    "on_shortfall": "partial",
    "fictional": False,
}
ID_RULE = "must be 1 to 64 of A-Z a-z 0-9 . _ : -"
TEXT_64 = "must be text of 1 to 64 characters without control characters"
TEXT_200 = "must be text of 1 to 200 characters without control characters"
SIZE_RULE = "must be a whole number from 100 to 10000"
QUANTITY_RULE = "must be a whole number from 1 to 1000000"
CODE_RULE = 'must be three digits, the first 2 to 9, such as "415"'
CODES_RULE = 'must be a list of at most 800 area codes of three digits, such as ["415", "628"]'
SHORTFALL_RULE = 'must be "fail" or "partial"'
TASK_RULE = "must be the task's id, a lower-case UUID"


def in_json(fields: dict[str, Any]) -> bytes:
    """A request as JSON."""
    return json.dumps(fields).encode()


def in_avro(fields: dict[str, Any]) -> bytes:
    """A request as Avro."""
    name = {"generate": "GenerateRequest", "cancel": "CancelRequest"}[fields["type"]]
    schema = codec.schema_files()[name][-1]
    return codec.encode_fields(name, {field["name"]: fields.get(field["name"]) for field in schema["fields"]})


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """A request that lacks a field."""
    return {key: value for key, value in fields.items() if key != name}


def refused(value: bytes | None) -> RequestInvalid:
    """How a request is refused."""
    with pytest.raises(RequestInvalid) as error:
        parse_request(value)
    return error.value


def sendable(invalid: RequestInvalid) -> bool:
    """Whether the refusal fits into an event and comes out of it again."""
    event = events.TaskRefused(
        task_id=TASK,
        user_id=invalid.user_id or "",
        request_id=invalid.request_id,
        project_id=invalid.project_id,
        task_name=invalid.task_name,
        type=invalid.type,
        body_hash=b"",
        requested_at=0,
        code=invalid.code,
        message=str(invalid),
        errors=invalid.errors,
        details=invalid.details,
    )
    value = codec.encode(event)
    return len(value) < 100_000 and codec.decode(value) == event


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
    assert (request.batch_size, request.auto_validate, request.on_shortfall) == (5000, False, "fail")
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "has no value (a tombstone); send a JSON object"),
        (b"", "is empty; send a JSON object"),
        (b"[]", "must begin with { (JSON, UTF-8) or C3 01 (Avro, single-object encoding)"),
        (b' {"a": 1}', "must begin with { (JSON, UTF-8) or C3 01 (Avro, single-object encoding)"),
        (b'{"a": "\xff"}', "is not UTF-8: byte 7 is 0xff"),
        (b'{"a": NaN}', "is not valid JSON: NaN is not JSON"),
        (b'{"a": -Infinity}', "is not valid JSON: -Infinity is not JSON"),
        (b'{"a": 1', "is not valid JSON: Expecting ',' delimiter: line 1 column 8 (char 7)"),
        (b'{"a": 1} x', "is not valid JSON: Extra data: line 1 column 10 (char 9)"),
        (b'{"a": {"b": 1, "b": 2}, x}', None),
        (b"\xc3\x01", "not Avro in single-object encoding: it must begin with C3 01 and a fingerprint"),
        (b"\xc3\x01" + bytes(8), "unknown Avro schema fingerprint 0000000000000000"),
        (
            codec.encode(events.CancelRequested("t", "u", "r")),
            "holds the Avro record CancelRequested; send one of GenerateRequest, ValidateRequest, CancelRequest",
        ),
    ],
)
def test_bytes_that_are_no_request_say_what_was_expected(value: bytes | None, text: str | None) -> None:
    """Where nobody can be told, the dead letter says it."""
    invalid = refused(value)
    (error,) = invalid.errors
    assert error.field == "request"
    assert error.message == text or (text is None and error.message.startswith("is not valid JSON: "))
    assert (invalid.code, invalid.user_id, invalid.type) == ("unreadable_request", None, "unknown")


@pytest.mark.parametrize("depth", [10, 900, 1_000, 100_000])
@pytest.mark.parametrize("name", ["type", "quantity", "other"])
def test_deep_nesting_is_refused(name: str, depth: int) -> None:
    """However deep, it is the request that fails and not the worker."""
    body = json.dumps({**GENERATE, name: "@"}).replace('"@"', "[" * depth + "]" * depth)
    assert {error.field for error in refused(body.encode()).errors} <= {name, "request"}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ('{"type": "generate", "user_id": "demo", "quantity": 1, "quantity": 2}', ["quantity"]),
        ('{"user_id": "demo", "seed": 1, "seed": 1, "states": 1, "states": 2}', ["seed", "states"]),
        ('{"user_id": "demo", "states": {"a": 1, "a": 1}}', ["a"]),
    ],
)
def test_a_key_given_twice_is_refused(body: str, names: list[str]) -> None:
    """Even with one value: parsers disagree about which counts. The user hears of it."""
    invalid = refused(body.encode())
    assert invalid.errors == tuple(events.FieldError(name, "is given twice") for name in names)
    assert (invalid.code, invalid.user_id) == ("invalid_request", "demo")


def test_an_id_given_twice_is_nobodys() -> None:
    """Which user should hear of it cannot be known."""
    invalid = refused(b'{"user_id": "ann", "user_id": "bob", "request_id": "r"}')
    assert (invalid.user_id, invalid.request_id) == (None, "r")


def test_half_a_surrogate_pair_is_refused_and_can_be_told() -> None:
    """JSON can spell text that is no Unicode, which no event could carry."""
    for body in (b'{"\\ud800": 1}', b'{"\\ud800": 1, "\\ud800": 2}'):
        invalid = refused(body)
        assert str(invalid) == "\\ud800: is not Unicode: half of a surrogate pair"
        assert sendable(invalid)
    invalid = refused(in_json({**GENERATE, "task_name": "\ud800"}))
    assert invalid.errors == (events.FieldError("task_name", f'{TEXT_200}; got "\\ud800"'),)


def test_a_request_beyond_the_limit_is_judged_no_further() -> None:
    """It is refused by its size alone, and its user is told."""
    body = in_json({**GENERATE, "quantity": 0, "states": ["x" * MAX_REQUEST_BYTES]})
    invalid = refused(body)
    text = f"must be at most 1048576 bytes; it has {len(body)}"
    assert invalid.errors == (events.FieldError("request", text),)
    assert (invalid.user_id, invalid.request_id, invalid.filters) == ("demo", "r-1", None)


@pytest.mark.parametrize(
    "body",
    [
        {**GENERATE, "area_codes": ["1"] * 150_000},
        {**GENERATE, **{f"field{i}": i for i in range(50_000)}},
        {**GENERATE, "x" * 1_000_000: 1},
        {**GENERATE, "quantity": "x" * 1_000_000},
    ],
    ids=["entries", "fields", "name", "value"],
)
def test_a_refusal_is_quick_and_small_whatever_was_sent(body: dict[str, Any]) -> None:
    """A request must not delay the next one, and its refusal has to fit into a message."""
    value = in_json(body)
    assert len(value) <= MAX_REQUEST_BYTES
    started = time.process_time()  # of this process alone, however busy the machine is
    invalid = refused(value)
    assert time.process_time() - started < 3
    assert len(invalid.errors) <= MOST_ERRORS + 1
    assert sendable(invalid)


def test_of_very_many_broken_fields_the_first_are_named_and_the_rest_counted() -> None:
    """A hundred and a count."""
    invalid = refused(in_json({**GENERATE, **{f"field{i}": i for i in range(150)}}))
    assert invalid.errors[-1] == events.FieldError("request", "has 50 more broken fields")
    assert len(invalid.errors) == 101


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


def test_filters_are_sorted_distinct_and_in_one_case() -> None:
    """So that equal filters are equal in events and caches."""
    body = {"states": ["nv", "CA", "ca"], "carriers": ["Verizon", "VERIZON"], "area_codes": ["628", "415", "628"]}
    request = parse_request(in_json({**GENERATE, **body}))
    assert isinstance(request, GenerateRequest)
    assert request.as_filters() == events.Filters(states=("CA", "NV"), carriers=("verizon",))
    assert request.wanted_area_codes() == ("415", "628")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def judged(value: bytes) -> Request | RequestInvalid:
    """A request or its refusal, which can be sent on; any other outcome is an error."""
    try:
        return parse_request(value)
    except RequestInvalid as error:
        invalid = error
    assert invalid.errors
    assert sendable(invalid)
    return invalid


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([b"", b"{", b"\xc3\x01", b'{"type":"generate",']))
def test_random_bytes_are_refused(tail: bytes, head: bytes) -> None:
    """Nothing but RequestInvalid is ever raised."""
    assert isinstance(judged(head + tail), RequestInvalid)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*EVERYTHING, "x"]), JSON), st.sampled_from([GENERATE, CANCEL]))
def test_random_fields_are_judged(fields: dict[str, Any], valid: dict[str, Any]) -> None:
    """Whatever stands where a value belongs."""
    judged(in_json(fields))
    judged(in_json({**valid, **fields}))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutated_requests_are_judged(data: st.DataObject) -> None:
    """A valid request with some bytes replaced, left out or put in."""
    value = bytearray(data.draw(st.sampled_from([in_json(EVERYTHING), in_avro(EVERYTHING), in_avro(CANCEL)])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value)))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    judged(bytes(value))


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(["GenerateRequest", "CancelRequest"]), tail=st.binary(max_size=80))
def test_random_avro_records_are_judged(name: str, tail: bytes) -> None:
    """Behind the fingerprint of a request anything may stand."""
    judged(codec.MARKER + codec.schema_fingerprint(codec.schema_files()[name][-1]) + tail)
