"""The one table of topics: what is created, who writes, who reads, how long it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas import events

MEBIBYTE = 1 << 20
OFFSETS_RETENTION = timedelta(days=45)  # of the broker: more than any topic, so that no position is forgotten first


@dataclass(frozen=True)
class Topic:
    """One topic. Its full name is the namespace, a dot and `name`."""

    name: str
    key: str
    values: tuple[type[events.Event], ...]  # empty: not only events of ours
    writer: str
    readers: tuple[str, ...]
    retention: timedelta | None = None  # None: compacted, kept for good
    log_append_time: bool = False
    max_message_bytes: int = 10 * MEBIBYTE

    def config(self) -> dict[str, str]:
        """Topic settings, as the broker takes them."""
        kept = (
            {"cleanup.policy": "compact"}
            if self.retention is None
            else {
                "cleanup.policy": "delete",
                "retention.ms": str(_ms(self.retention)),
            }
        )
        return {
            **kept,
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.log_append_time else "CreateTime",
        }


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)


def _days(count: int) -> timedelta:
    return timedelta(days=count)


REQUESTS = Topic(
    "requests",
    "any",
    (),
    "users",
    ("intake",),
    _days(7),
    log_append_time=True,
    max_message_bytes=4 * MEBIBYTE,
)
TASK_EVENTS = Topic(
    "task-events",
    "user id",
    (
        events.TaskSubmitted,
        events.ValidationSubmitted,
        events.TaskRefused,
        events.CancelRequested,
        events.RedriveRequested,
        events.TaskForgotten,
        events.BatchStored,
        events.BatchJudged,
        events.BatchFailed,
    ),
    "intake, store, judge, lookup, compact, any step that fails, operators",
    ("coordinate",),
    _days(7),
    log_append_time=True,
)
BATCHES = Topic(
    "batches",
    "area code",
    (events.BatchPlanned, events.Suppressed, events.Compact),
    "coordinate, suppress, compact, operators",
    ("allocate",),
    _days(14),
)
ALLOCATIONS = Topic("allocations", "area code", (events.BatchAllocated,), "allocate", ("enrich",), _days(3))
NUMBERS = Topic("numbers", "area code", (events.NumbersEnriched,), "enrich", ("store",), _days(3))
VALIDATIONS = Topic("validations", "task|batch", (events.ValidationPlanned,), "coordinate", ("judge",), _days(7))
LOOKUPS = Topic("lookups", "task|batch", (events.NumbersJudged,), "judge, lookup", ("lookup",), _days(7))
PROGRESS = Topic(
    "progress",
    "user id",
    (events.TaskProgress, events.RequestRejected),
    "coordinate",
    ("project", "gateway"),
    _days(7),
)
PREFIXES = Topic(
    "prefixes",
    "area code|version, or current",
    (events.PrefixBlocks, events.PrefixCurrent),
    "init, import",
    ("load", "catalogue"),
)
USAGE = Topic(
    "usage",
    "area code",
    (events.Usage,),
    "allocate",
    ("catalogue", "capacity"),
)
AUDIT = Topic(
    "audit",
    "who",
    (events.Audited,),
    "coordinate, intake, gateway, operators",
    ("project",),
    _days(30),
)
DEADLETTERS = Topic(
    "deadletters",
    "as it was",
    (),
    "every step",
    ("operators",),
    _days(30),
    max_message_bytes=16 * MEBIBYTE,
)

TOPICS = (
    *(REQUESTS, TASK_EVENTS, BATCHES, ALLOCATIONS, NUMBERS, VALIDATIONS, LOOKUPS, PROGRESS, PREFIXES, USAGE),
    *(AUDIT, DEADLETTERS),
)

# Faust's tables; each has a changelog topic that only Faust writes and reads
TABLES = ("tasks", "ledger", "prefixes")
# its size is at most twice that of what the table holds (min.cleanable.dirty.ratio), and one segment a partition,
# which is closed after a day at the latest: what is not compacted in it is read at every recovery
CHANGELOG_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "max.message.bytes": str(10 * MEBIBYTE),
    "segment.bytes": str(64 * MEBIBYTE),
    "segment.ms": str(_ms(timedelta(days=1))),
    "min.cleanable.dirty.ratio": "0.5",
    "max.compaction.lag.ms": str(_ms(timedelta(days=7))),
    # a worker that was away longer than this may keep facts that were let go: they do no harm
    "delete.retention.ms": str(_ms(timedelta(days=7))),
}


def topic_name(namespace: str, topic: Topic) -> str:
    """Full name of a topic in an installation."""
    return f"{namespace}.{topic.name}"


def changelog_name(namespace: str, table: str) -> str:
    """Full name of a table's changelog: Faust's own rule, application id and table."""
    return f"{namespace}-{table}-changelog"
