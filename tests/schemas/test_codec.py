"""Events to bytes and back."""

import json
from typing import Any

import avro.schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, events
from tests.schemas.values import events_of

KINDS = list(events.BY_NAME.values())
STORED = events.BatchStored("t", "u", 3, "415", 5000, 4999)


def crc_64_avro(text: bytes) -> int:
    """The fingerprint as the Avro specification 1.12 defines it in Java, transcribed."""
    empty = 0xC15D213AA4D7A795
    table = []
    for i in range(256):
        value = i
        for _ in range(8):
            value = (value >> 1) ^ (empty & -(value & 1))
        table.append(value)
    found = empty
    for byte in text:
        found = (found >> 8) ^ table[(found ^ byte) & 0xFF]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_event_comes_back_as_it_was(kind: type[events.Event], data: st.DataObject) -> None:
    """Encoding loses nothing, whatever the fields hold."""
    event = data.draw(events_of(kind))
    assert codec.decode(codec.encode(event)) == event


def test_a_message_is_a_marker_a_fingerprint_and_the_record() -> None:
    """C3 01, then CRC-64-AVRO of the canonical schema, little-endian, then the binary record."""
    canonical = (
        '{"name":"numberline.BatchStored","type":"record","fields":['
        '{"name":"task_id","type":"string"},{"name":"user_id","type":"string"},'
        '{"name":"batch","type":"int"},{"name":"area_code","type":"string"},'
        '{"name":"asked","type":"int"},{"name":"count","type":"int"}]}'
    )
    fingerprint = crc_64_avro(canonical.encode()).to_bytes(8, "little")
    assert codec.encode(STORED) == b"\xc3\x01" + fingerprint + b"\x02t\x02u\x06\x06415\x90N\x8eN"


@pytest.mark.parametrize("name", codec.schema_files())
def test_fingerprints_are_those_of_the_reference_library(name: str) -> None:
    """Any Avro library finds the schema of our messages."""
    for schema in codec.schema_files()[name]:
        reference = avro.schema.parse(json.dumps(schema))
        assert codec.schema_fingerprint(schema) == reference.fingerprint("CRC-64-AVRO")


@pytest.mark.parametrize(
    "value", [b"", b"\xc3", b"\xc3\x01", b"{}", codec.encode(STORED)[:9], b"\x00" + codec.encode(STORED)]
)
def test_other_bytes_are_no_single_object_encoding(value: bytes) -> None:
    """What does not begin with the marker and a whole fingerprint is told apart from a broken record."""
    with pytest.raises(codec.CodecError) as error:
        codec.decode(value)
    assert str(error.value) == "not Avro in single-object encoding: it must begin with C3 01 and a fingerprint"


def test_an_unknown_fingerprint_is_named() -> None:
    """A record of a newer program says which schema is missing."""
    with pytest.raises(codec.CodecError, match=r"^unknown Avro schema fingerprint 0102030405060708$"):
        codec.decode(b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08rest")


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The fingerprints that are asked for; one newer schema of BatchStored is found."""
    asked: list[bytes] = []

    def look_up(fingerprint: bytes) -> tuple[str, dict[str, Any]] | None:
        asked.append(fingerprint)
        return ("BatchStored", NEWER) if fingerprint == codec.schema_fingerprint(NEWER) else None

    monkeypatch.setattr(codec, "_learned", {})
    monkeypatch.setattr(codec, "_look_ups", [])
    codec.look_up_by(look_up)
    return asked


(STORED_SCHEMA,) = codec.schema_files()["BatchStored"]
NEWER = {**STORED_SCHEMA, "fields": [{"name": "more", "type": "string"}, *STORED_SCHEMA["fields"]]}


def test_an_event_of_a_newer_release_is_read_without_what_it_adds(looked_up: list[bytes]) -> None:
    """By the schema that it was written in, which is asked for once."""
    body = codec.encode(STORED)[codec.HEADER_BYTES :]
    newer = codec.MARKER + codec.schema_fingerprint(NEWER) + b"\x08more" + body
    assert codec.decode(newer) == STORED
    assert codec.decode(newer) == STORED
    assert looked_up == [codec.schema_fingerprint(NEWER)]


def test_what_no_release_has_written_stays_unknown(looked_up: list[bytes]) -> None:
    """Asked for each time: the next release may have come meanwhile."""
    for _ in range(2):
        with pytest.raises(codec.CodecError, match=r"^unknown Avro schema fingerprint 0102030405060708$"):
            codec.decode(b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08rest")
    assert len(looked_up) == 2


def test_nobody_is_asked_about_what_users_send(looked_up: list[bytes]) -> None:
    """Or each of their records could make a worker wait."""
    with pytest.raises(codec.CodecError):
        codec.decode_fields(b"\xc3\x01" + codec.schema_fingerprint(NEWER) + b"rest")
    assert looked_up == []


def test_a_truncated_record_is_refused() -> None:
    """Every shorter form of a message is an error that names the record."""
    whole = codec.encode(STORED)
    for length in range(codec.HEADER_BYTES, len(whole)):
        with pytest.raises(codec.CodecError, match=r"^broken Avro record of BatchStored: "):
            codec.decode(whole[:length])


def test_bytes_after_the_record_are_refused() -> None:
    """A message holds one record and nothing else."""
    with pytest.raises(codec.CodecError, match=r"^bytes left over after the Avro record of BatchStored$"):
        codec.decode(codec.encode(STORED) + b"\0")


def test_a_request_is_no_event() -> None:
    """What users send does not pass for what we send each other."""
    fields = {"request_id": "r", "user_id": "u", "task_id": "t"}
    with pytest.raises(codec.CodecError, match=r"^CancelRequest is not an internal event$"):
        codec.decode(codec.encode_fields("CancelRequest", fields))


def test_a_field_that_the_schema_does_not_know_is_not_written() -> None:
    """A misspelt field is an error of the program, not silently lost."""
    fields = {"request_id": "r", "user_id": "u", "task_id": "t", "taks": 1}
    with pytest.raises(ValueError, match="taks"):
        codec.encode_fields("CancelRequest", fields)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(KINDS), tail=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_codec_errors(kind: type[events.Event], tail: bytes) -> None:
    """A broken record is a property of the record, never of the worker."""
    header = codec.MARKER + codec.schema_fingerprint(codec.schema_files()[kind.__name__][-1])
    for value in (tail, codec.MARKER + tail, header + tail):
        try:
            decoded = codec.decode(value)
        except codec.CodecError:
            continue
        assert isinstance(decoded, kind)
