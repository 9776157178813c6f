"""The pages reference.md and schemas.md: what goes over the wire, told by the code that puts it there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docs.markdown import NOTICE, anchor, table, table_of
from docs.samples import CREATED, RUNNING, USER
from gateway import messages
from gateway.client_messages import MODELS
from gateway.positions import Position
from schemas import codec, topics
from schemas.events import FieldError, GenerationResult, RequestRejected, TaskError, TaskProgress

REFERENCE = f"""{NOTICE}
# Quick reference

Everything that goes over the wire, in brief. What it means is in the [contract](contract.md).

## HTTP

Port 6160, `Authorization: Bearer TOKEN`; errors are [problem details](api.md#problembody).

{{calls}}

Without a token: `GET /api/openapi.json`, the whole description; `GET /docs`, the same to read; `GET /`, the page.
Of the processes: `GET /healthz` and `GET /readyz` on a gateway's port 6161, and on a worker's 9101;
`GET /metrics` on 9101 and on a gateway's 9102.
More: [health](contract.md#websocket-gateway), [metrics](contract.md#metrics).

## WebSocket, to the gateway

Port 6161, `/ws/tasks/USER/` or `/ws/phone-generation/USER/`. How a connection goes: [the protocol](websocket.md).

{{to_gateway}}

## WebSocket, from the gateway

One of each, as the gateway makes it.

{{from_gateway}}

## Kafka

Every topic and its records, each linked to its fields. Writers, readers, retention: [topics](topics.md).

{{records}}

## Errors

The same on Kafka, WebSocket and HTTP, each with where it is met:

{{errors}}

A WebSocket is closed with

{{closes}}

and with 4401 goes [a sentence](authentication.md#why-a-token-is-refused). The verdict on a number is one of

{{reasons}}

and where a provider of [external lookups](validation.md#external-lookups) has no answer, `external_error` is one of

{{lookups}}

Of the command line: [exit statuses](contract.md#commands). Of what nobody hears of:
[dead letters](contract.md#dead-letters).
"""

SCHEMAS = f"""{NOTICE}
# Schemas

Every record on Kafka, in its newest version. `schemas/avro/` has one file a version. A message begins with `C3 01`
and the fingerprint of its schema (Avro, single-object encoding), so a reader needs no registry. All versions are
read; one that was released never changes (`schemas/avro/RELEASED`).

{{records}}
"""

AT = Position(0, 41, 0x7C5F0A1E)


def _moved(event: str, status: str, done: int, **changes: Any) -> TaskProgress:
    """The same task after so many of its two batches."""
    ended = CREATED + 60 if status != "running" else None
    result = GenerationResult(done * 5_000, {"415": done * 5_000}, done, 1) if ended else None
    fields = _fields_of(RUNNING) | {
        "sequence": done + 1,
        "event": event,
        "status": status,
        "processed_items": done * 5_000,
        "succeeded": done * 5_000,
        "failed_items": 10_000 - done * 5_000 if ended else 0,
        "batches_done": done,
        "current_step": "done" if ended else "generating",
        "updated_at": CREATED + 60,
        "completed_at": ended,
        "result": result,
    }
    return TaskProgress(**fields | changes)


def _fields_of(progress: TaskProgress) -> dict[str, Any]:
    """The fields of a dataclass with slots."""
    return {name: getattr(progress, name) for name in TaskProgress.__dataclass_fields__}


def examples() -> Iterator[messages.Message]:
    """One message of each type from the gateway."""
    expires = CREATED / 1000 + 3610
    shortfall = TaskError("capacity_exhausted", "5000 of 10000 numbers were left", '{"requested": 10000}')
    yield messages.connection_established(CREATED, USER, "tasks", AT, expires)
    yield messages.task_message(RUNNING, AT)
    yield messages.task_message(_moved("progress", "running", 1, estimated_completion=CREATED + 115), AT)
    yield messages.task_message(_moved("completed", "completed", 2), AT)
    yield messages.task_message(_moved("failed", "failed", 1, error=shortfall), AT)
    yield messages.task_message(_moved("cancelled", "cancelled", 1), AT)
    yield messages.active_tasks(CREATED, [], AT)
    yield messages.subscribed(CREATED, RUNNING.task_id)
    yield messages.unsubscribed(CREATED, RUNNING.task_id)
    yield messages.resumed(CREATED, AT)
    yield messages.token_expiring(CREATED, expires)
    yield messages.authenticated(CREATED, USER, expires)
    yield messages.pong(CREATED)
    yield messages.rejected_message(
        RequestRejected(RUNNING.task_id, USER, "c-1", "task_ended", "the task has ended", CREATED, "{}"), AT
    )
    yield messages.invalid_message(CREATED, [FieldError("type", "must be one of ping, resume")])


def reference_page(calls: Mapping[tuple[str, str], str]) -> str:
    """docs/reference.md. calls: method and path -> what the call does."""
    to_gateway = [
        [f"`{name}`", ", ".join(f"`{field}`" for field in model.model_fields if field != "type"), _doc(model)]
        for name, model in MODELS.items()
    ]
    return REFERENCE.format(
        calls=table(
            ("call", "does"),
            [
                [f"[`{method} {path}`](api.md#{anchor(f'{method} {path}')})", said]
                for (method, path), said in calls.items()
            ],
        ),
        to_gateway=table(("type", "fields", ""), to_gateway),
        from_gateway="\n\n".join(
            f"```json\n{json.dumps(json.loads(message.text), indent=2)}\n```" for message in examples()
        ),
        records=table(("topic", "key", "records"), [_records(topic) for topic in topics.TOPICS]),
        # tests/docs/test_contract.py holds that these tables have what the code gives
        errors=table_of("contract.md", "Error codes", "| code |"),
        closes=table_of("contract.md", "WebSocket gateway", "| close code |"),
        reasons=table_of("numbering.md", "Reason codes", "| code |"),
        lookups=table_of("validation.md", "External lookups", "| code |"),
    )


def _doc(kind: type) -> str:
    return (kind.__doc__ or "").strip()


def _records(topic: topics.Topic) -> list[str]:
    names = [kind.__name__ for kind in topic.values]
    if topic is topics.REQUESTS:
        names = ["GenerateRequest", "ValidateRequest", "CancelRequest"]
    linked = ", ".join(f"[{name}](schemas.md#{anchor(name)})" for name in names)
    return [f"`{topic.name}`", topic.key, linked or "as it was"]


def schemas_page() -> str:
    """docs/schemas.md."""
    return SCHEMAS.format(
        records="\n\n".join(_record(name, versions) for name, versions in codec.schema_files().items())
    )


def _record(name: str, versions: tuple[dict[str, Any], ...]) -> str:
    newest = versions[-1]
    where = [topic.name for topic in topics.TOPICS if name in [kind.__name__ for kind in topic.values]]
    if name.endswith("Request"):
        where = [topics.REQUESTS.name]
    place = f"On {', '.join(f'`{one}`' for one in where)}. " if where else ""
    fingerprint = codec.schema_fingerprint(newest).hex(" ")
    return "\n\n".join(
        [
            f"## {name}",
            f"{newest.get('doc', '')} {place}Version {len(versions)}, fingerprint `{fingerprint}`.".strip(),
            table(("field", "type", "without it", ""), list(_fields(newest, ""))),
        ]
    )


def _fields(record: Mapping[str, Any], prefix: str) -> Iterator[list[str]]:
    for field in record["fields"]:
        default = f"`{json.dumps(field['default'])}`" if "default" in field else "required"
        yield [f"`{prefix}{field['name']}`", _type(field["type"]), default, field.get("doc", "")]
        for inner in _inner_records(field["type"]):
            yield from _fields(inner, f"{prefix}{field['name']}.")


def _inner_records(kind: Any) -> Iterator[Mapping[str, Any]]:
    """Records that are declared within a type; one that is only named has its rows where it is declared."""
    if isinstance(kind, list):
        for one in kind:
            yield from _inner_records(one)
    elif isinstance(kind, dict):
        if kind["type"] == "record":
            yield kind
        else:
            yield from _inner_records(kind.get("items") or kind.get("values") or [])


def _type(kind: Any) -> str:
    """A type in a word or two."""
    if isinstance(kind, list):
        return " or ".join(_type(one) for one in kind)
    if isinstance(kind, str):
        return kind
    match kind["type"]:
        case "array":
            return f"array of {_type(kind['items'])}"
        case "map":
            return f"map of {_type(kind['values'])}"
        case "enum":
            return ", ".join(kind["symbols"])
        case "record":
            return str(kind["name"])
        case other:
            return str(kind.get("logicalType", other))
