"""Writes the pages that are tables of the code: topics.md and settings.md.

python -m docs.generate            writes both; tests/docs/test_generated.py fails while they are stale
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pipeline.settings import PREFIX, Settings, variable
from schemas import topics

HERE = Path(__file__).parent
NOTICE = "<!-- Written by `python -m docs.generate`: change the code that it reads, then run it again. -->"

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

`numberline init` creates what is missing, with `{PREFIX}REPLICATION_FACTOR` copies of each partition, and leaves
topics that are there as they are, but for one check: another partition count is refused.
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
machine need: `source .numberline/env`. Kafka gets another port at each start, so source it again after a restart.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


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


PAGES = {HERE / "topics.md": topics_page, HERE / "settings.md": settings_page}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
