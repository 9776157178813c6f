"""What a worker makes sure of before it joins the group: that it fits what it finds (contract, rule 10)."""

import asyncio
from dataclasses import dataclass
from functools import partial

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agents.database import refusal
from agents.readiness import KAFKA, POSTGRESQL, Readiness, once_it_answers
from pipeline.errors import RefusedToStart, Unavailable
from pipeline.kafka_security import security_options
from pipeline.settings import Settings, variable
from schemas import topics
from schemas.partitions import partition_for

MOST_NAMED = 3
# by the primary key: a look for each area code that there can be, however many numbers there are
AREA_CODES = """
SELECT code FROM generate_series(200, 999) AS code
WHERE EXISTS (SELECT FROM numbers WHERE number >= (1000 + code) * 10000000::bigint
    AND number < (1001 + code) * 10000000::bigint)
"""
# what the steps do, by table; a table that is missing is told by the migration
MISSING_RIGHTS = """
SELECT right_ || ' on ' || name FROM (VALUES
    ('alembic_version', 'SELECT'), ('installation', 'SELECT'), ('event_schemas', 'SELECT'),
    ('prefixes', 'SELECT'), ('quotas', 'SELECT'),
    ('suppression_changes', 'SELECT'), ('suppression_numbers', 'SELECT'),
    ('batches', 'SELECT INSERT UPDATE'), ('numbers', 'SELECT INSERT'),
    ('count_changes', 'SELECT INSERT DELETE'), ('user_counts', 'SELECT INSERT UPDATE'),
    ('verdicts', 'SELECT INSERT UPDATE DELETE'), ('validation_batches', 'SELECT INSERT UPDATE'),
    ('validation_numbers', 'INSERT'), ('lookups', 'SELECT INSERT'), ('lookup_calls', 'SELECT INSERT'),
    ('task_states', 'SELECT INSERT UPDATE'), ('audit_records', 'INSERT')
) AS needed (name, rights), regexp_split_to_table(rights, ' ') AS right_
WHERE CASE WHEN to_regclass(name) IS NOT NULL THEN NOT has_table_privilege(name, right_) END
"""
RUN_INIT = "Run `numberline init` with the same environment."


@dataclass(frozen=True)
class Found:
    """What preflight looks at. migration: the last one that the tables went through. partitions: by full topic
    name. ledger_partitions: those of the ledger's changelog that have records. area_codes: those that PostgreSQL
    has numbers of."""

    migration: str | None
    installed_partitions: int | None
    partitions: dict[str, int]
    ledger_partitions: frozenset[int]
    area_codes: tuple[str, ...]


async def preflight(settings: Settings, migration: str, readiness: Readiness | None = None) -> int:
    """The installation's partition count. migration: the tables must have gone through it.

    readiness: told which server is away while it is waited for, up to the deadline; without it none is.
    Raises RefusedToStart, or Unavailable where a server is away.
    """
    seconds = settings.deadline_seconds if readiness else 0.0
    readiness = readiness or Readiness()
    look_at_database = partial(asyncio.to_thread, _look_at_database, settings)
    migrated, installed, area_codes = await once_it_answers(readiness, POSTGRESQL, look_at_database, seconds)
    partitions, ledger_partitions = await once_it_answers(
        readiness, KAFKA, partial(_look_at_kafka, settings), seconds
    )
    return judge(
        settings.namespace, migration, Found(migrated, installed, partitions, ledger_partitions, area_codes)
    )


def judge(namespace: str, migration: str, found: Found) -> int:
    """The partition count to work with.  Raises RefusedToStart."""
    if found.migration is not None and found.migration < migration:
        raise RefusedToStart(
            f"the tables are those of an earlier numberline: migration {found.migration}, and this one needs "
            f"{migration}",
            RUN_INIT,
        )
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
    lost = [code for code in found.area_codes if partition_for(code, wanted) not in found.ledger_partitions]
    if lost:
        what = "the ledger" if len(lost) == len(found.area_codes) else "a part of the ledger"
        raise RefusedToStart(
            f"{what} is lost: {topics.changelog_name(namespace, 'ledger')} has no records of {_some(lost)}, and "
            "PostgreSQL holds numbers of them",
            "Numbers would be given out twice. Stop all workers, then run `numberline ledger rebuild`: it writes "
            "the ledger again from PostgreSQL.",
        )
    return wanted


def _some(area_codes: list[str]) -> str:
    """A few of them, and how many there are."""
    more = f" and {len(area_codes) - MOST_NAMED} more" if len(area_codes) > MOST_NAMED else ""
    return f"area code {', '.join(area_codes[:MOST_NAMED])}{more}"


def _look_at_database(settings: Settings) -> tuple[str | None, int | None, tuple[str, ...]]:
    migration = None
    try:
        with psycopg.connect(settings.database_url.get_secret_value(), connect_timeout=10) as connection:
            if missing := [right for (right,) in connection.execute(MISSING_RIGHTS)]:
                raise RefusedToStart(
                    f"PostgreSQL does not let {connection.info.user} work: it lacks {', '.join(missing)}",
                    f"Grant it that, or name another role in {variable('database_url')}.",
                )
            (migration,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or (None,)
            row = connection.execute("SELECT partitions FROM installation").fetchone()
            area_codes = tuple(str(code) for (code,) in connection.execute(AREA_CODES))
    except psycopg.errors.UndefinedTable:
        return migration, None, ()
    except psycopg.OperationalError as error:
        if (why := refusal(error)) is not None:
            raise RefusedToStart(
                f"PostgreSQL refuses this worker: {why}", f"Mend that, or {variable('database_url')}."
            ) from None
        raise Unavailable(f"PostgreSQL ({variable('database_url')}): {' '.join(str(error).split())}", 10) from None
    return migration, (row[0] if row else None), area_codes


async def _look_at_kafka(settings: Settings) -> tuple[dict[str, int], frozenset[int]]:
    servers = settings.kafka_bootstrap_servers
    security = security_options(settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=10_000, **security)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, request_timeout_ms=10_000, **security)
    try:
        await admin.start()
        await consumer.start()
        counts = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        ledger = topics.changelog_name(settings.namespace, "ledger")
        partitions = [TopicPartition(ledger, i) for i in range(counts.get(ledger, 0))]
        first, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    except KafkaError as error:
        raise Unavailable(
            f"Kafka broker at {servers} ({variable('kafka_bootstrap_servers')}): {error}", 10
        ) from None
    finally:
        await consumer.stop()
        await admin.close()
    return counts, frozenset(one.partition for one in partitions if first[one] < ends[one])
