"""Values of our Avro schemas, for property tests."""

import uuid
from typing import Any

from hypothesis import strategies as st

from schemas import codec, events

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "string": TEXT | st.just(str(uuid.UUID(int=1))),
    "bytes": st.binary(max_size=40),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
}


def values(schema: Any) -> st.SearchStrategy[Any]:
    """Plain values that fit a schema."""
    if isinstance(schema, str):
        return PRIMITIVES[schema]
    if isinstance(schema, list):
        return st.one_of(*(values(branch) for branch in schema))
    match schema["type"]:
        case "record":
            return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in schema["fields"]})
        case "array":
            return st.lists(values(schema["items"]), max_size=3)
        case "map":
            return st.dictionaries(TEXT, values(schema["values"]), max_size=3)
        case other:
            return PRIMITIVES[other]


def events_of(kind: type[events.Event]) -> st.SearchStrategy[events.Event]:
    """Any event of a kind."""
    plain = values(codec.schema_files()[kind.__name__][-1])
    return plain.map(lambda fields: events.from_fields(kind, fields))
