"""What is no request, or a far too large one: refused at once, with what was expected."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, events
from schemas.parse import MOST_ERRORS, RequestInvalid, parse_request
from schemas.requests import MAX_REQUEST_BYTES, Request
from tests.schemas.sample_requests import (
    CANCEL,
    EVERYTHING,
    GENERATE,
    TEXT_200,
    in_avro,
    in_json,
    refused,
    sendable,
)


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


@pytest.mark.parametrize(("name", "told"), [("\0", "\\x00"), ("a\nb", "a\\nb"), ("\u202e", "\\u202e")])
def test_a_field_whose_name_cannot_be_printed_can_be_told(name: str, told: str) -> None:
    """Where it is none of the request's, and where it is given twice."""
    invalid = refused(in_json({**GENERATE, name: 1}))
    assert invalid.errors == (events.FieldError(told, "is not a field of this request"),)
    spelt = json.dumps(name)
    assert refused(f"{{{spelt}: 1, {spelt}: 2}}".encode()).errors == (events.FieldError(told, "is given twice"),)


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
