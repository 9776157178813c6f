"""Events to bytes and back: Avro single-object encoding, without a registry.

A message is ``C3 01``, the little-endian CRC-64-AVRO fingerprint of the writer's schema, and the record
(Avro specification 1.12, "Single-object encoding"). Every version ever written is kept in ``schemas/avro``
as ``NAME.vN.avsc``; the newest is written, all are read and resolved to the newest.
"""

import functools
import io
import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import resources
from typing import Any

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from schemas import events

MARKER = b"\xc3\x01"
HEADER_BYTES = 10


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
def _by_fingerprint() -> Mapping[bytes, tuple[str, Any]]:
    return {
        schema_fingerprint(schema): (name, parse_schema(schema))
        for name, versions in schema_files().items()
        for schema in versions
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def encode_fields(name: str, values: Mapping[str, Any]) -> bytes:
    """Plain values of the record `name`, in its newest schema; ValueError where they do not fit."""
    header, schema = _newest(name)
    out = io.BytesIO(header)
    out.seek(HEADER_BYTES)
    fastavro.schemaless_writer(out, schema, values, strict=True)
    return out.getvalue()


def encode(event: events.Event) -> bytes:
    """An event in its newest schema."""
    return encode_fields(type(event).__name__, _plain(event))


def decode_fields(value: bytes) -> tuple[str, dict[str, Any]]:
    """Record name and plain values, in the newest schema's fields; CodecError for anything else."""
    if value[:2] != MARKER or len(value) < HEADER_BYTES:
        raise CodecError("not Avro in single-object encoding: it must begin with C3 01 and a fingerprint")
    if (found := _by_fingerprint().get(value[2:HEADER_BYTES])) is None:
        raise CodecError(f"unknown Avro schema fingerprint {value[2:HEADER_BYTES].hex()}")
    name, writer = found
    body = io.BytesIO(value[HEADER_BYTES:])
    try:
        record = fastavro.schemaless_reader(body, writer, _newest(name)[1])
    except Exception as error:  # fastavro raises whatever its parsing meets: EOFError, IndexError, Unicode...
        raise CodecError(f"broken Avro record of {name}: {error or type(error).__name__}") from error
    if body.read(1):
        raise CodecError(f"bytes left over after the Avro record of {name}")
    assert isinstance(record, dict)
    return name, record


def decode(value: bytes) -> events.Event:
    """An event; CodecError for anything else."""
    name, record = decode_fields(value)
    if (kind := events.BY_NAME.get(name)) is None:
        raise CodecError(f"{name} is not an internal event")
    return events.from_fields(kind, record)
