"""Events out of the plain values of their Avro records, and back."""

import types
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


@cache
def _nested(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Fields of a dataclass that hold dataclasses or tuples: name, item type or None, whether a tuple."""
    found = []
    for name, hint in get_type_hints(kind).items():
        options = get_args(hint) if get_origin(hint) in (types.UnionType,) else (hint,)
        for option in options:
            if get_origin(option) is tuple:
                item = get_args(option)[0]
                found.append((name, item if is_dataclass(item) else None, True))
            elif is_dataclass(option):
                found.append((name, option, False))
    return tuple(found)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def from_fields(kind: type[_T], record: dict[str, Any]) -> _T:
    """A dataclass out of the plain values of its Avro record."""
    for name, item, many in _nested(cast(Hashable, kind)):
        value = record[name]
        if many:
            record[name] = tuple(from_fields(item, v) if item else v for v in value)
        elif value is not None:
            record[name] = from_fields(item, value)
    return kind(**record)


def to_fields(event: Any) -> dict[str, Any]:
    """The plain values of a dataclass for its Avro record."""
    kind = cast(Hashable, type(event))
    record = {name: getattr(event, name) for name in _names(kind)}
    for name, item, many in _nested(kind):
        value = record[name]
        if many:
            record[name] = [to_fields(one) for one in value] if item else list(value)
        elif value is not None:
            record[name] = to_fields(value)
    return record
