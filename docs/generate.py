"""Writes the pages that are tables of the code: topics, settings, the HTTP API, schemas, the quick reference.

python -m docs.generate            writes them; tests/docs/test_pages.py fails while they are stale
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docs.markdown import NOTICE, table
from docs.reference import reference_page, schemas_page
from gateway.api.app import build_app, build_services, description
from gateway.authenticator import Authenticator
from gateway.hub import Hub
from pipeline.metrics import GatewayMetrics
from pipeline.settings import PREFIX, Settings, variable
from pipeline.tokens import TokenRules
from schemas import topics

HERE = Path(__file__).parent
TOPICS = f"""{NOTICE}
# Topics

The table is `schemas/topics.py`; `numberline init` creates topics from it. The full name is `NUMBERLINE_NAMESPACE`
(`numberline` without it), a dot and the name below. All topics and changelogs have one partition count
(`NUMBERLINE_PARTITIONS`), fixed when `numberline init` runs first. Values are Avro in single-object encoding, their
schemas in `schemas/avro/`; `requests` takes JSON as well, and `deadletters` holds values as they came.

{{topics}}

"CreateTime" is the sender's clock, "LogAppendTime" the broker's. A partition is murmur2 (as the Java client's
default) of the area code, user id or task|batch, modulo the count: `schemas/partitions.py`. Records of
`prefixes` go to the partition of their area code, `current` to partition 0; a dead letter's partition follows
from the number of the partition that it comes from. Producers of requests may choose any partition. The
"import" that writes `prefixes` is `numberline prefixes`: each version of the data is one record an area code, then
`current`; a version long superseded is deleted by tombstones.

## Changelogs

One for each Faust table, named `NAMESPACE-TABLE-changelog`. Only Faust writes and reads them.

{{changelogs}}

Settings: {{changelog_config}}.

`numberline init` creates what is missing, with `{PREFIX}REPLICATION_FACTOR` copies of each partition. Topics that
are there get the settings of `schemas/topics.py`, and it says which of them were otherwise; any other setting of
theirs stays, and another partition count is refused. `numberline verify` tells of a setting that differs.
"""

SETTINGS = f"""{NOTICE}
# Settings

All settings are environment variables; there is no settings file. The table is `pipeline/settings.py`, and
`numberline settings` prints it. A wrong value, or a variable beginning with `{PREFIX}` that is not in the table,
ends the command with status 2 and a line that names the variable and what it accepts.

{{settings}}

`numberline gateway` needs `{PREFIX}AUTH_SECRET`, which `numberline up`
makes once and keeps in `.numberline/secret`, or `{PREFIX}AUTH_JWKS_URL`: [authentication](authentication.md).

While `numberline up` runs, `.numberline/env` has one `export` line for each variable that other programs on this
machine need: `source .numberline/env`. It also puts the server's own `psql` at the end of `PATH`. Kafka gets
another port at each start, so source it again after a restart.
"""


API = f"""{NOTICE}
# The HTTP API, call by call

Every call needs `Authorization: Bearer TOKEN`; all errors are a [ProblemBody](#problembody). How calls behave
together (idempotency, pages, exports, limits) is in the [contract](contract.md#http-api); whole programs are in
[examples](../examples/README.md).

{{overview}}"""


def _topic_row(topic: topics.Topic) -> list[str]:
    values = ", ".join(f"`{kind.__name__}`" for kind in topic.values)
    kept = "compacted" if topic.retention is None else f"{topic.retention.days} days"
    return [
        f"`{topic.name}`",
        topic.key,
        values or ("request, JSON or Avro" if topic is topics.REQUESTS else "as it was"),
        topic.writer,
        ", ".join(topic.readers),
        kept,
        topic.config()["message.timestamp.type"],
        f"{topic.max_message_bytes // topics.MEBIBYTE} MiB",
    ]


def topics_page() -> str:
    """docs/topics.md."""
    head = ("topic", "key", "value", "written by", "read by", "kept", "time", "largest message")
    changelogs = [[f"`{name}`", f"`{topics.changelog_name('numberline', name)}`"] for name in topics.TABLES]
    return TOPICS.format(
        topics=table(head, [_topic_row(topic) for topic in topics.TOPICS]),
        changelogs=table(("table", "changelog"), changelogs),
        changelog_config=", ".join(f"`{name}={value}`" for name, value in topics.CHANGELOG_CONFIG.items()),
    )


def _default(name: str, field: FieldInfo) -> str:
    if name == "worker_id":
        return "this host's name"
    if field.default is None:
        return "none"
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return f"`{default}`"


def settings_page() -> str:
    """docs/settings.md."""
    rows = [
        [f"`{variable(name)}`", field.description or "", _default(name, field)]
        for name, field in Settings.model_fields.items()
    ]
    return SETTINGS.format(settings=table(("variable", "what it is and accepts", "without it"), rows))


def _type(schema: Mapping[str, Any]) -> str:
    """What a value is, in a word or two."""
    if "anyOf" in schema:
        return " or ".join(kind for one in schema["anyOf"] if (kind := _type(one)) != "null")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return ", ".join(map(str, schema["enum"])) if "enum" in schema else str(schema.get("type", ""))


def _rows(title: str, fields: Mapping[str, Mapping[str, Any]], required: Sequence[str]) -> list[list[str]]:
    return [
        [title, f"`{name}`" + (", required" if name in required else ""), _type(one), one.get("description", "")]
        for name, one in fields.items()
    ]


def _call(method: str, path: str, call: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """A call: what it takes and what it answers."""
    rows: list[list[str]] = []
    for one in call.get("parameters", []):
        fields = {one["name"]: {"description": one.get("description", ""), **one["schema"]}}
        rows += _rows(one["in"], fields, [one["name"]] if one.get("required") else [])
    for media_type, content in call.get("requestBody", {}).get("content", {}).items():
        if "properties" in content["schema"]:
            rows += _rows("body", content["schema"]["properties"], content["schema"]["required"])
        else:
            rows.append(["body", f"`{media_type}`, required", "bytes", content["schema"]["description"]])
    answers = []
    for status, answer in call["responses"].items():
        kinds = [_type(content["schema"]) for content in answer.get("content", {}).values()]
        links = [f"[{kind}](#{kind.lower()})" if kind in schemas else kind for kind in dict.fromkeys(kinds)]
        answers.append([status, answer["description"], ", ".join(links)])
    parts = [f"## {method.upper()} {path}", call.get("description", "")]
    if rows:
        parts.append(table(("in", "name", "type", "what it is"), rows))
    return "\n\n".join([*parts, table(("status", "when", "answer"), answers)])


def _description() -> Mapping[str, Any]:
    """The OpenAPI description of the gateway."""
    metrics = GatewayMetrics(CollectorRegistry())
    app = build_app(build_services(Settings(), Hub(), metrics, Authenticator(TokenRules(None))))
    return description(app)


def _calls(found: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and description of every call."""
    return [(method, path, call) for path, methods in found["paths"].items() for method, call in methods.items()]


def api_page() -> str:
    """docs/api.md."""
    found = _description()
    schemas = found["components"]["schemas"]
    calls = _calls(found)
    overview = table(
        ("call", "does"),
        [[f"`{method.upper()} {path}`", call.get("description", "")] for method, path, call in calls],
    )
    answers = [
        f"## {name}\n\n{schema.get('description', '')}\n\n"
        + table(
            ("field", "type", "what it is"),
            [[f"`{field}`", _type(one), one.get("description", "")] for field, one in schema["properties"].items()],
        )
        for name, schema in schemas.items()
    ]
    sections = [_call(method, path, call, schemas) for method, path, call in calls]
    return "\n\n".join([API.format(overview=overview), *sections, *answers]) + "\n"


def _quick_reference() -> str:
    """docs/reference.md."""
    return reference_page(
        {(method.upper(), path): call.get("description", "") for method, path, call in _calls(_description())}
    )


PAGES = {
    HERE / "topics.md": topics_page,
    HERE / "settings.md": settings_page,
    HERE / "api.md": api_page,
    HERE / "schemas.md": schemas_page,
    HERE / "reference.md": _quick_reference,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
