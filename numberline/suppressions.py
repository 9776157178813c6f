"""Changes what is suppressed: a row in PostgreSQL to list by, then a record an area code onto the topic batches.

The records are what counts: in force for every batch after them in the log. One change is one at a time, and one
that was cut short is published by the next; its records have the change as their identity, so twice is once.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka.errors import KafkaError

from numberline import audit
from numberline.database import Connection, database, partitions_of
from numberline.errors import NotReachable
from numberline.kafka import kafka_producer
from pipeline.number_list import NumberList
from pipeline.settings import Settings
from pipeline.suppress import SuppressedNumbers, with_changes
from schemas import codec, topics
from schemas.events import Suppressed
from schemas.partitions import partition_for

LOCK = "SELECT pg_advisory_lock(hashtext('numberline suppressions'))"
UNPUBLISHED = """
SELECT change_id::text, user_id, removed, source, count, made_by
FROM suppression_changes WHERE published_at IS NULL ORDER BY place
"""
NUMBERS = "SELECT area_code::text, numbers FROM suppression_numbers WHERE change_id = %s ORDER BY area_code"
CHANGES = """
SELECT removed, area_code::text, numbers FROM suppression_changes JOIN suppression_numbers USING (change_id)
WHERE user_id IS NOT DISTINCT FROM %s AND (%s::smallint[] IS NULL OR area_code = ANY(%s)) ORDER BY place
"""
IN_FORCE = """
SELECT user_id, removed, area_code::integer, numbers
FROM suppression_changes JOIN suppression_numbers USING (change_id)
WHERE published_at IS NOT NULL AND (user_id IS NULL OR user_id = %s) ORDER BY place
"""


@dataclass(frozen=True)
class Change:
    """Numbers to put on a list, or to take off it. user_id: whose list; None: everybody's."""

    numbers: NumberList
    user_id: str | None
    removed: bool
    source: str
    made_by: str
    change_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Made:
    """A change as `stats` lists it."""

    made_at: datetime
    made_by: str
    user_id: str | None
    removed: bool
    source: str
    count: int
    published: bool


async def make_change(settings: Settings, change: Change, on_sent: Callable[[], None]) -> int:
    """Make a change; how many of its numbers were on the list before. When this returns, it is in force.

    on_sent: called for each area code of the change. Raises NotReachable, RefusedToStart.
    """
    with database(settings) as connection:
        connection.autocommit = True
        partitions = partitions_of(connection)
        connection.execute(LOCK)  # until the connection is closed
        there = listed(connection, change.user_id, list(change.numbers.counts())).common(change.numbers)
        with connection.transaction():
            _insert(connection, change)
        for row in connection.execute(UNPUBLISHED).fetchall():
            await _publish(settings, connection, partitions, row, on_sent)
    return there


def subject_of(user_id: str | None) -> str:
    """Whose list it is, as audit records have it."""
    return user_id or "everybody"


def listed(connection: Connection, user_id: str | None, codes: list[str]) -> NumberList:
    """What is on a list: everybody's for None. codes: these area codes alone, all if empty."""
    found = NumberList()
    wanted = [int(code) for code in codes] or None
    for removed, area_code, numbers in connection.execute(CHANGES, (user_id, wanted, wanted)):
        one = NumberList({area_code: numbers})
        if removed:
            found.difference_update(one)
        else:
            found.update(one)
    return found


def suppressed_for(settings: Settings, user_id: str | None) -> SuppressedNumbers:
    """What is in force for a user, for everybody for None.  Raises NotReachable."""
    with database(settings) as connection:
        rows = connection.execute(IN_FORCE, (user_id,)).fetchall()
    return SuppressedNumbers.of_lists(with_changes({}, rows), user_id)


def owners(connection: Connection) -> list[str | None]:
    """Whose lists there are; None first, for everybody's."""
    rows = connection.execute("SELECT DISTINCT user_id FROM suppression_changes ORDER BY 1 NULLS FIRST")
    return [user_id for (user_id,) in rows]


def changes(connection: Connection, limit: int) -> list[Made]:
    """The last changes, newest first."""
    rows = connection.execute(
        """
        SELECT made_at, made_by, user_id, removed, source, count, published_at IS NOT NULL
        FROM suppression_changes ORDER BY place DESC LIMIT %s
        """,
        (limit,),
    )
    return [Made(*row) for row in rows]


def _insert(connection: Connection, change: Change) -> None:
    connection.execute(
        """
        INSERT INTO suppression_changes (change_id, user_id, removed, source, count, made_by)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (change.change_id, change.user_id, change.removed, change.source, len(change.numbers), change.made_by),
    )
    connection.cursor().executemany(
        "INSERT INTO suppression_numbers (change_id, area_code, numbers) VALUES (%s, %s, %s)",
        [(change.change_id, int(code), numbers) for code, numbers in change.numbers.serialized().items()],
    )


async def _publish(
    settings: Settings,
    connection: Connection,
    partitions: int,
    change: tuple[str, str | None, bool, str, int, str],
    on_sent: Callable[[], None],
) -> None:
    change_id, user_id, removed, source, count, made_by = change
    topic = topics.topic_name(settings.namespace, topics.BATCHES)
    async with kafka_producer(settings) as producer:
        for area_code, numbers in connection.execute(NUMBERS, (change_id,)):
            event = Suppressed(area_code, change_id, user_id, removed, numbers)
            partition = partition_for(area_code, partitions)
            try:
                await producer.send_and_wait(topic, codec.encode(event), area_code.encode(), partition=partition)
            except KafkaError as error:
                servers = settings.kafka_bootstrap_servers
                remedy = "The change is kept: the next `numberline suppress import`, add or remove sends the rest."
                raise NotReachable(f"the Kafka broker {servers}", str(error), remedy) from error
            on_sent()
    action, details = "unsuppress" if removed else "suppress", {"source": source, "numbers": count}
    record = audit.entry(action, subject_of(user_id), details, actor=made_by, record_id=change_id)
    await audit.leave(settings, record)
    connection.execute("UPDATE suppression_changes SET published_at = now() WHERE change_id = %s", (change_id,))
