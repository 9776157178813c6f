"""What each kind of client may do in Kafka, and no more: for the access rules of an installation's broker."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas import topics

Resource = Literal["topic", "group", "cluster"]
Role = Literal["init", "worker", "gateway", "requests", "scaler", "operator"]
ROLES: tuple[Role, ...] = ("init", "worker", "gateway", "requests", "scaler", "operator")

# what the steps write; requests and prefixes are others' to write
OF_STEPS = (
    *(topics.TASK_EVENTS, topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS, topics.VALIDATIONS, topics.LOOKUPS),
    *(topics.PROGRESS, topics.USAGE, topics.AUDIT, topics.DEADLETTERS),
)
WAITED_FOR = (topics.REQUESTS, topics.BATCHES)  # their lag says how many workers are of use
OF_GATEWAY = (topics.PROGRESS, topics.PREFIXES, topics.USAGE)
# what operators' commands write, what dead letters hold among it: usage and prefixes have one writer each
OF_OPERATORS = (
    *(topics.REQUESTS, topics.TASK_EVENTS, topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS, topics.VALIDATIONS),
    *(topics.LOOKUPS, topics.PROGRESS, topics.AUDIT, topics.DEADLETTERS),
)


@dataclass(frozen=True)
class Acl:
    """One rule. prefix: for all names that begin so."""

    resource: Resource
    name: str
    operations: tuple[str, ...]
    prefix: bool = False


def acls(namespace: str, role: Role) -> tuple[Acl, ...]:
    """The rules of a role. READ and WRITE of a topic bring DESCRIBE; WRITE the right to be idempotent (KIP-679)."""
    return tuple(_acls(namespace, role))


def _acls(namespace: str, role: Role) -> Iterator[Acl]:
    of_topics, of_changelogs = f"{namespace}.", f"{namespace}-"
    match role:
        case "init":
            for prefix in (of_topics, of_changelogs):
                yield Acl("topic", prefix, ("CREATE", "DESCRIBE", "ALTER_CONFIGS", "DESCRIBE_CONFIGS"), prefix=True)
            for topic in (topics.PREFIXES, topics.AUDIT):
                yield Acl("topic", topics.topic_name(namespace, topic), ("READ", "WRITE"))
        case "worker":
            yield Acl("topic", of_topics, ("READ",), prefix=True)
            for topic in OF_STEPS:
                yield Acl("topic", topics.topic_name(namespace, topic), ("WRITE",))
            yield Acl("topic", of_changelogs, ("READ", "WRITE"), prefix=True)
            for group in (namespace, f"{namespace}-project"):
                yield Acl("group", group, ("READ",))
            yield Acl("cluster", "kafka-cluster", ("DESCRIBE_CONFIGS",))
        case "gateway":
            for topic in (topics.REQUESTS, topics.AUDIT):
                yield Acl("topic", topics.topic_name(namespace, topic), ("WRITE",))
            for topic in OF_GATEWAY:
                yield Acl("topic", topics.topic_name(namespace, topic), ("READ",))
            yield Acl("topic", of_topics, ("DESCRIBE",), prefix=True)
            for group in (namespace, f"{namespace}-project"):
                yield Acl("group", group, ("DESCRIBE",))
        case "requests":
            yield Acl("topic", topics.topic_name(namespace, topics.REQUESTS), ("WRITE",))
        case "scaler":
            for topic in WAITED_FOR:
                yield Acl("topic", topics.topic_name(namespace, topic), ("DESCRIBE",))
            yield Acl("group", namespace, ("DESCRIBE",))
        case "operator":
            yield Acl("topic", of_topics, ("READ", "DESCRIBE_CONFIGS"), prefix=True)
            for topic in OF_OPERATORS:
                yield Acl("topic", topics.topic_name(namespace, topic), ("WRITE",))
            yield Acl("topic", of_changelogs, ("READ", "WRITE", "DESCRIBE_CONFIGS"), prefix=True)
            for group in (namespace, f"{namespace}-project"):
                yield Acl("group", group, ("DESCRIBE",))
