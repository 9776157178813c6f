"""Creates the topics and the changelogs of the tables, all with one partition count, and keeps their settings."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from numberline.setup.topic_settings import Difference, change, differences
from pipeline.errors import RefusedToStart
from schemas import topics


def wanted_topics(namespace: str, replication_factor: int) -> dict[str, dict[str, str]]:
    """Full name -> configuration, of every topic of an installation.

    With three copies two must have a record before it counts as acknowledged: one broker may be away.
    """
    wanted = {topics.topic_name(namespace, topic): topic.config() for topic in topics.TOPICS}
    for table in topics.TABLES:
        wanted[topics.changelog_name(namespace, table)] = dict(topics.CHANGELOG_CONFIG)
    in_sync = {"min.insync.replicas": str(max(1, replication_factor - 1))}
    return {name: config | in_sync for name, config in wanted.items()}


async def create_topics(
    bootstrap_servers: str,
    namespace: str,
    partitions: int,
    replication_factor: int,
    security: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Create what is missing; the number of topics created.  Raises RefusedToStart where one has another count."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **security)
    await admin.start()
    try:
        wanted = wanted_topics(namespace, replication_factor)
        present = {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics() if t["topic"] in wanted}
        check_partitions(present, partitions)
        missing = [
            NewTopic(name, partitions, replication_factor, topic_configs=config)
            for name, config in wanted.items()
            if name not in present
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for topic, code, *message in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise for_code(code)(f"{topic}: {message}")
        return len(missing)
    finally:
        await admin.close()


async def update_topics(
    bootstrap_servers: str,
    namespace: str,
    replication_factor: int,
    security: Mapping[str, Any] = MappingProxyType({}),
) -> list[Difference]:
    """Give topics that are there the settings of this version; what was changed. Others of theirs stay."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **security)
    await admin.start()
    try:
        differing = await differences(admin, wanted_topics(namespace, replication_factor))
        if differing:
            await change(admin, differing)
        return differing
    finally:
        await admin.close()


def check_partitions(present: dict[str, int], partitions: int) -> None:
    """Keyed topics and tables must agree on one count, for good.  Raises RefusedToStart."""
    if other := {name: count for name, count in present.items() if count != partitions}:
        names = ", ".join(f"{name} has {count}" for name, count in sorted(other.items()))
        raise RefusedToStart(
            f"this installation has {partitions} partitions a topic, but {names}",
            "The count is fixed when `numberline init` runs first: a key's partition would change, and the ledger "
            "would forget numbers. Recreate the topics, or use another NUMBERLINE_NAMESPACE and database.",
        )
