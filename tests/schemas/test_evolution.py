"""The Avro files: as the types say, readable for good, and never changed once released."""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import resources
from itertools import combinations
from typing import Any, get_args, get_origin, get_type_hints

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas import codec, events
from schemas.requests import CancelRequest, GenerateRequest, Request, ValidateRequest

FILES = codec.schema_files()
NAMES = list(FILES)


def readable_by(reader: dict[str, Any], writer: dict[str, Any]) -> bool:
    """Whether a reader of one schema understands what another has written (Avro specification, resolution)."""
    parsed = [avro.schema.parse(json.dumps(schema)) for schema in (reader, writer)]
    result = ReaderWriterCompatibilityChecker().get_compatibility(*parsed)
    return bool(result.compatibility is SchemaCompatibilityType.compatible)


def avro_type(hint: Any) -> Any:
    """The Avro type of a type hint: names for records, "integer" for int and long."""
    if get_origin(hint) is types.UnionType:
        return ["null", *(avro_type(option) for option in get_args(hint) if option is not type(None))]
    if get_origin(hint) is tuple:
        return {"array": avro_type(get_args(hint)[0])}
    if get_origin(hint) is Mapping:
        return {"map": avro_type(get_args(hint)[1])}
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return hint.__name__
    return {str: "string", int: "integer", bytes: "bytes", bool: "boolean"}[hint]


def declared_type(schema: Any) -> Any:
    """The same of an Avro schema."""
    if isinstance(schema, list):
        return [declared_type(branch) for branch in schema]
    if isinstance(schema, dict):
        match schema["type"]:
            case "array":
                return {"array": declared_type(schema["items"])}
            case "map":
                return {"map": declared_type(schema["values"])}
            case "record":
                return schema["name"]
            case other:
                return declared_type(other)
    return "integer" if schema in ("int", "long") else schema


def records_in(schema: Any) -> dict[str, dict[str, Any]]:
    """All records of a schema, itself included, by name."""
    if isinstance(schema, list):
        return {name: record for branch in schema for name, record in records_in(branch).items()}
    if not isinstance(schema, dict):
        return {}
    if schema["type"] == "record":
        inner = [records_in(field["type"]) for field in schema["fields"]]
        return {schema["name"]: schema, **{name: record for found in inner for name, record in found.items()}}
    return records_in(schema.get("items") or schema.get("values") or "")


@pytest.mark.parametrize("kind", events.BY_NAME.values(), ids=list(events.BY_NAME))
def test_the_types_are_the_newest_schemas(kind: type[events.Event]) -> None:
    """Same fields, same types and same defaults, nested records too."""
    for name, record in records_in(FILES[kind.__name__][-1]).items():
        model = getattr(events, name)
        declared = {field["name"]: declared_type(field["type"]) for field in record["fields"]}
        assert declared == {field: avro_type(hint) for field, hint in get_type_hints(model).items()}
        defaults = {field["name"]: field["default"] for field in record["fields"] if "default" in field}
        for field in fields(model):
            if isinstance(field.default, str | bool):
                assert defaults[field.name] == field.default


@pytest.mark.parametrize("model", [GenerateRequest, ValidateRequest, CancelRequest])
def test_requests_in_avro_have_the_fields_of_requests_in_json(
    model: type[Request],
) -> None:
    """The record's name stands for `type`; what has a default may be null."""
    schema = FILES[model.__name__][-1]
    assert {field["name"] for field in schema["fields"]} == set(model.model_fields) - {"type"}
    for field in schema["fields"]:
        required = model.model_fields[field["name"]].is_required()
        assert required == ("default" not in field)
        assert required or (field["default"] is None and field["type"][0] == "null")


def test_every_record_is_an_event_or_a_request() -> None:
    """No file is there that nothing reads."""
    assert set(NAMES) == set(events.BY_NAME) | {"GenerateRequest", "ValidateRequest", "CancelRequest"}


@pytest.mark.parametrize("name", NAMES)
def test_every_version_reads_all_others(name: str) -> None:
    """Full transitive: a topic or a changelog may hold every version there ever was, and workers of an older
    release read what those that replace them write."""
    for older, newer in combinations(FILES[name], 2):
        assert readable_by(newer, older)
        assert readable_by(older, newer)


def test_the_check_of_compatibility_finds_a_field_without_default() -> None:
    """What the check above is for: the second version of a record with one more required field fails it."""
    (schema, *_) = FILES["CancelRequested"]
    more = {**schema, "fields": [*schema["fields"], {"name": "reason", "type": "string"}]}
    assert not readable_by(more, schema)
    more["fields"][-1]["default"] = ""
    assert readable_by(more, schema)


def test_the_check_of_compatibility_finds_a_field_that_is_gone() -> None:
    """An older release still needs it."""
    (schema, *_) = FILES["CancelRequested"]
    less = {**schema, "fields": schema["fields"][1:]}
    assert readable_by(less, schema)
    assert not readable_by(schema, less)


def test_released_schemas_never_change() -> None:
    """To change a record, add NAME.v(N+1).avsc and append its line to RELEASED."""
    text = (resources.files("schemas") / "avro" / "RELEASED").read_text()
    released = [line.split() for line in text.splitlines() if not line.startswith("#")]
    found = [
        [name, str(version), codec.schema_fingerprint(schema).hex()]
        for name, versions in FILES.items()
        for version, schema in enumerate(versions, 1)
    ]
    missing = [line for line in released if line not in found]
    assert not missing, "released schemas were changed or removed"
    new = [line for line in found if line not in released]
    assert not new, "append these lines to schemas/avro/RELEASED"
