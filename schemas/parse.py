"""A request's bytes to a typed request, or to every rule that they break."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas import codec
from schemas.events import FieldError
from schemas.identity import IDENTIFIER
from schemas.printing import printable
from schemas.requests import (
    AVRO_TYPES,
    MAX_REQUEST_BYTES,
    TYPES,
    GenerateRequest,
    NumberFilters,
    Request,
)

MOST_ERRORS = 100  # a refusal has to fit into a message, whatever was sent


@dataclass
class RequestInvalid(ValueError):
    """A request that breaks rules: all of them at once, and what could be read of it all the same.

    filters: the filter fields, where these are whole, so that the prefix data can judge them as well.
    """

    errors: tuple[FieldError, ...]
    code: str = "invalid_request"
    type: str = "unknown"
    user_id: str | None = None
    request_id: str | None = None
    project_id: str | None = None
    task_name: str | None = None
    filters: NumberFilters | None = None
    details: str = "{}"
    body_hash: bytes | None = None  # of a request that breaks no rule of form, as its task would have it

    def __str__(self) -> str:
        return sentence_of(self.errors)


def sentence_of(errors: Iterable[FieldError]) -> str:
    """Broken fields and their rules as one text."""
    return "; ".join(f"{error.field}: {error.message}" for error in errors)


def parse_request(value: bytes | None) -> Request:
    """A request out of JSON (first byte ``{``) or Avro in single-object encoding (C3 01).

    Raises RequestInvalid.
    """
    fields = _read(value)
    if value is not None and len(value) > MAX_REQUEST_BYTES:  # judged no further: it must not delay the next one
        rule = f"must be at most {MAX_REQUEST_BYTES} bytes; it has {len(value)}"
        raise _invalid([FieldError("request", rule)], fields)
    kind = fields.get("type")
    model = TYPES.get(kind) if isinstance(kind, str) else None
    if model is None:
        rule = f"must be one of {', '.join(TYPES)}{_but_got(fields, 'type')}"
        raise _invalid([FieldError("type", rule)], fields)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        errors = field_errors(model, error, fields)
        raise _invalid(errors, fields, _whole_filters(model, fields, errors)) from None


def read_json(value: bytes) -> dict[str, Any]:
    """The fields of a JSON object, each given once, whatever they hold: what comes before `parse_request` where
    fields are added.  Raises RequestInvalid."""
    value = value.lstrip(b" \t\r\n")
    if value[:1] != b"{":
        _unreadable("must be a JSON object")
    return _read_json(value)


def field_errors(model: type[BaseModel], error: ValidationError, given: Mapping[str, Any]) -> list[FieldError]:
    """Each broken field once, with the rule of its description; of very many, the first ones and a count."""
    first: dict[str, ErrorDetails] = {}
    for one in error.errors(include_url=False, include_input=False):
        first.setdefault(str(one["loc"][0] if one["loc"] else one["ctx"]["field"]), one)
    named = list(first.items())[:MOST_ERRORS]
    errors = [FieldError(printable(name[:64]), _sentence(model, name, one, given)) for name, one in named]
    if len(first) > len(named):
        errors.append(FieldError("request", f"has {len(first) - len(named)} more broken fields"))
    return errors


def _sentence(model: type[BaseModel], name: str, error: ErrorDetails, given: Mapping[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        near = get_close_matches(name, model.model_fields, 1)
        return f"is not a field of this request{f', did you mean {near[0]}?' if near else ''}"
    if not error["loc"]:
        return error["msg"]
    rule = model.model_fields[name].description or error["msg"]
    return f"is missing: it {rule}" if error["type"] == "missing" else rule + _but_got(given, name)


def _but_got(fields: Mapping[str, Any], name: str) -> str:
    if name not in fields:
        return "; it is missing"
    try:
        text = json.dumps(fields[name], ensure_ascii=True, default=str)
    except RecursionError:
        text = "a value nested too deeply"
    if len(text) > 60:
        text = f"{text[:57]}..." + (f" ({len(fields[name])} of them)" if isinstance(fields[name], list) else "")
    return f"; got {text}"


def _whole_filters(
    model: type[BaseModel], fields: Mapping[str, Any], errors: list[FieldError]
) -> NumberFilters | None:
    if model is not GenerateRequest:
        return None
    broken = {error.field for error in errors}
    try:
        return NumberFilters.model_validate(
            {k: v for k, v in fields.items() if k in NumberFilters.model_fields and k not in broken}
        )
    except ValidationError:
        return None


def _invalid(
    errors: list[FieldError], fields: Mapping[str, Any], filters: NumberFilters | None = None
) -> RequestInvalid:
    def readable(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) and IDENTIFIER.fullmatch(value) else None

    kind = fields.get("type")
    return RequestInvalid(
        tuple(errors),
        type=kind if isinstance(kind, str) and kind in TYPES else "unknown",
        user_id=readable("user_id"),
        request_id=readable("request_id"),
        project_id=readable("project_id"),
        filters=filters,
    )


def _unreadable(message: str) -> NoReturn:
    raise RequestInvalid((FieldError("request", message),), code="unreadable_request")


def _read(value: bytes | None) -> dict[str, Any]:
    """The fields of the record, whatever they hold."""
    if value is None:
        _unreadable("has no value (a tombstone); send a JSON object")
    if not value:
        _unreadable("is empty; send a JSON object")
    if value[:1] == b"{":
        return _read_json(value)
    if value[:2] == codec.MARKER:
        return _read_avro(value)
    _unreadable("must begin with { (JSON, UTF-8) or C3 01 (Avro, single-object encoding)")


def _read_avro(value: bytes) -> dict[str, Any]:
    try:
        name, fields = codec.decode_fields(value)
    except codec.CodecError as error:
        _unreadable(str(error))
    if name not in AVRO_TYPES:
        _unreadable(f"holds the Avro record {name}; send one of {', '.join(AVRO_TYPES)}")
    return {"type": AVRO_TYPES[name], **{k: v for k, v in fields.items() if v is not None}}


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _read_json(value: bytes) -> dict[str, Any]:
    twice: dict[str, None] = {}  # ordered
    outermost: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal outermost
        outermost = pairs  # the outermost object comes last
        fields = dict(pairs)
        if len(fields) < len(pairs):
            twice.update(dict.fromkeys(name for name, n in Counter(name for name, _ in pairs).items() if n > 1))
        return fields

    # the standard library's parser, for no faster one reports a key given twice
    try:
        fields = json.loads(value.decode(), object_pairs_hook=keep, parse_constant=_not_json)
    except UnicodeDecodeError as error:
        _unreadable(f"is not UTF-8: byte {error.start} is {value[error.start]:#04x}")
    except (ValueError, RecursionError) as error:
        _unreadable(f"is not valid JSON: {error or 'nested too deeply'}")
    assert isinstance(fields, dict)  # it begins with {
    rules = {
        **dict.fromkeys(twice, "is given twice"),
        **{name: "is not Unicode: half of a surrogate pair" for name in fields if _has_lone_surrogate(name)},
    }
    if rules:
        errors = [FieldError(printable(name[:64]), rule) for name, rule in list(rules.items())[:MOST_ERRORS]]
        counts = Counter(name for name, _ in outermost)
        raise _invalid(errors, {name: v for name, v in outermost if counts[name] == 1})  # an id given twice is none
    return fields


def _has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
