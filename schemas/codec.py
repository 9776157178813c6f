"""Events to bytes and back: Avro single-object encoding, without a registry.

A message is ``C3 01``, the little-endian CRC-64-AVRO fingerprint of the writer's schema, and the record
(Avro specification 1.12, "Single-object encoding"). Every version ever written is kept in ``schemas/avro``
as ``NAME.vN.avsc``; the newest is written, all are read and resolved to the newest. So are those of a newer
release, whose schemas a process asks for where it is told to (`look_up_by`): a fingerprint names one content for
good, so that asking changes nothing.
"""

import functools
import io
import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from schemas import events

MARKER = b"\xc3\x01"
HEADER_BYTES = 10

LookUp = Callable[[bytes], tuple[str, dict[str, Any]] | None]  # fingerprint -> record name and schema
Writer = tuple[str, Any]  # record name and parsed schema

_learned: dict[bytes, Writer] = {}
_look_ups: list[LookUp] = []


class CodecError(ValueError):
    """A value that is not a record of one of our schemas; the text says why."""


@functools.cache
def schema_files() -> Mapping[str, tuple[dict[str, Any], ...]]:
    """Record name -> its schemas, oldest first, as they stand in the files."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for file in (resources.files("schemas") / "avro").iterdir():
        if match := re.fullmatch(r"(\w+)\.v(\d+)\.avsc", file.name):
            found.setdefault(match[1], {})[int(match[2])] = json.loads(file.read_text())
    return {name: tuple(versions[n] for n in sorted(versions)) for name, versions in sorted(found.items())}


def schema_fingerprint(schema: dict[str, Any]) -> bytes:
    """The 8 bytes, little-endian, that name a schema on the wire."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


@functools.cache
def _newest(name: str) -> tuple[bytes, Any]:
    schema = schema_files()[name][-1]
    return MARKER + schema_fingerprint(schema), parse_schema(schema)


@functools.cache
def _by_fingerprint() -> Mapping[bytes, Writer]:
    return {
        schema_fingerprint(schema): (name, parse_schema(schema))
        for name, versions in schema_files().items()
        for schema in versions
    }


def look_up_by(look_up: LookUp | None) -> None:
    """Where this process finds schemas of events that are not among its own; once for each fingerprint found.

    None: nowhere, as at first.
    """
    _look_ups[:] = [] if look_up is None else [look_up]


def _of_any_release(fingerprint: bytes) -> Writer | None:
    if (known := _by_fingerprint().get(fingerprint) or _learned.get(fingerprint)) is not None:
        return known
    for look_up in _look_ups:
        if (found := look_up(fingerprint)) is not None:
            _learned[fingerprint] = found[0], parse_schema(found[1])
            return _learned[fingerprint]
    return None


def encode_fields(name: str, values: Mapping[str, Any]) -> bytes:
    """Plain values of the record `name`, in its newest schema; ValueError where they do not fit."""
    header, schema = _newest(name)
    out = io.BytesIO(header)
    out.seek(HEADER_BYTES)
    fastavro.schemaless_writer(out, schema, values, strict=True)
    return out.getvalue()


def encode(event: events.Event) -> bytes:
    """An event in its newest schema."""
    return encode_fields(type(event).__name__, events.to_fields(event))


def decode_fields(value: bytes) -> tuple[str, dict[str, Any]]:
    """Record name and plain values, in the newest schema's fields; CodecError for anything else.

    Of this release's own schemas alone: what users send makes nobody ask for one.
    """
    return _decode(value, lambda fingerprint: _by_fingerprint().get(fingerprint))


def _decode(value: bytes, writer_of: Callable[[bytes], Writer | None]) -> tuple[str, dict[str, Any]]:
    if value[:2] != MARKER or len(value) < HEADER_BYTES:
        raise CodecError("not Avro in single-object encoding: it must begin with C3 01 and a fingerprint")
    if (found := writer_of(value[2:HEADER_BYTES])) is None:
        raise CodecError(f"unknown Avro schema fingerprint {value[2:HEADER_BYTES].hex()}")
    name, writer = found
    body, newest = io.BytesIO(value[HEADER_BYTES:]), _newest(name)
    reader = None if value.startswith(newest[0]) else newest[1]  # to resolve takes as long as to read
    try:
        record = fastavro.schemaless_reader(body, writer, reader)
    except Exception as error:  # fastavro raises whatever its parsing meets: EOFError, IndexError, Unicode...
        raise CodecError(f"broken Avro record of {name}: {error or type(error).__name__}") from error
    if body.read(1):
        raise CodecError(f"bytes left over after the Avro record of {name}")
    assert isinstance(record, dict)
    return name, record


def decode(value: bytes) -> events.Event:
    """An event, of a newer release too; CodecError for anything else.  Raises what a look-up raises."""
    name, record = _decode(value, _of_any_release)
    if (kind := events.BY_NAME.get(name)) is None:
        raise CodecError(f"{name} is not an internal event")
    return events.from_fields(kind, record)
