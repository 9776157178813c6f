"""What a worker makes sure of before it joins the group: that it fits what it finds (contract, rule 10)."""

from dataclasses import dataclass

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from pipeline.errors import RefusedToStart, Unavailable
from pipeline.settings import Settings, variable
from schemas import topics

RUN_INIT = "Run `numberline init` with the same environment."


@dataclass(frozen=True)
class Found:
    """What preflight looks at. partitions: by full topic name. ledger_records: of the ledger's changelog."""

    installed_partitions: int | None
    partitions: dict[str, int]
    ledger_records: int
    database_has_numbers: bool


async def preflight(settings: Settings) -> int:
    """The installation's partition count.  Raises RefusedToStart, or Unavailable where a server is away."""
    installed, has_numbers = _look_at_database(settings)
    partitions, ledger_records = await _look_at_kafka(settings)
    return judge(settings.namespace, Found(installed, partitions, ledger_records, has_numbers))


def judge(namespace: str, found: Found) -> int:
    """The partition count to work with.  Raises RefusedToStart."""
    wanted = found.installed_partitions
    names = [topics.topic_name(namespace, topic) for topic in topics.TOPICS]
    names += [topics.changelog_name(namespace, table) for table in topics.TABLES]
    missing = [name for name in names if name not in found.partitions]
    if wanted is None or missing:
        what = f"the topics {', '.join(missing)} are missing" if missing else "the tables are missing"
        raise RefusedToStart(what, RUN_INIT)
    if other := [f"{name} has {found.partitions[name]}" for name in names if found.partitions[name] != wanted]:
        raise RefusedToStart(
            f"this installation has {wanted} partitions a topic, but {', '.join(other)}",
            "With another count keys change their partition and the ledger forgets numbers: restore the topics.",
        )
    if not found.ledger_records and found.database_has_numbers:
        raise RefusedToStart(
            "the ledger is lost: its changelog is empty, and PostgreSQL holds numbers",
            f"Numbers would be given out twice. Restore {topics.changelog_name(namespace, 'ledger')} from a "
            "backup, or begin anew with an empty database.",
        )
    return wanted


def _look_at_database(settings: Settings) -> tuple[int | None, bool]:
    try:
        with psycopg.connect(settings.database_url.get_secret_value(), connect_timeout=10) as connection:
            row = connection.execute("SELECT partitions FROM installation").fetchone()
            some = connection.execute("SELECT EXISTS (SELECT FROM batches)").fetchone()
    except psycopg.errors.UndefinedTable:
        return None, False
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL ({variable('database_url')}): {error}", 10) from None
    return (row[0] if row else None), bool(some and some[0])


async def _look_at_kafka(settings: Settings) -> tuple[dict[str, int], int]:
    servers = settings.kafka_bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=10_000)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, request_timeout_ms=10_000)
    try:
        await admin.start()
        await consumer.start()
        counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        ledger = topics.changelog_name(settings.namespace, "ledger")
        ends = await consumer.end_offsets([TopicPartition(ledger, i) for i in range(counts.get(ledger, 0))])
    except KafkaError as error:
        raise Unavailable(
            f"Kafka broker at {servers} ({variable('kafka_bootstrap_servers')}): {error}", 10
        ) from None
    finally:
        await consumer.stop()
        await admin.close()
    return counts, sum(ends.values())
