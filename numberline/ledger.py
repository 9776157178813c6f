"""The ledger's changelog beside PostgreSQL: compares them, and writes again what the ledger has lost."""

import asyncio
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.preflight import AREA_CODES
from numberline.database import database, partitions_of
from numberline.errors import WorkersRunning
from numberline.kafka import kafka_admin, kafka_producer
from numberline.records import read_to_end
from pipeline import numbering
from pipeline.binary_copy import read_rows, row_type
from pipeline.ledger import (
    Compared,
    Marker,
    Stored,
    by_area_code,
    compare,
    missing_facts,
    missing_suppressions,
    stored_of,
)
from pipeline.settings import Settings
from schemas import topics
from schemas.events import Suppressed
from schemas.partitions import partition_for

COORDINATOR_SECONDS = 30.0
COPY_ROW = row_type(row=">i4", number=">i8")
COPY_ROWS = (
    "COPY (SELECT batch_id, number FROM numbers WHERE number >= {} AND number < {}) TO STDOUT (FORMAT BINARY)"
)

SUPPRESSIONS = """
SELECT area_code::text, change_id::text, user_id, removed, numbers
FROM suppression_changes JOIN suppression_numbers USING (change_id) WHERE published_at IS NOT NULL ORDER BY place
"""

COMPLETED = "SELECT task_id::text FROM task_states WHERE type = 'generate' AND status = 'completed'"

Each = Callable[[int], None]


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild wrote: facts and bytes."""

    facts: int
    size: int


class Snapshot:
    """What PostgreSQL holds at one moment."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.partitions = partitions_of(connection)
        self._markers: dict[str, list[Marker]] = {}
        rows = connection.execute("SELECT area_code::text, batch_id, task_id::text, batch_no, count FROM batches")
        for area_code, *marker in rows:
            self._markers.setdefault(area_code, []).append(Marker(*marker))
        self._with_rows = {str(code) for (code,) in connection.execute(AREA_CODES)}
        self.completed = frozenset(task for (task,) in connection.execute(COMPLETED))

    @property
    def numbers(self) -> int:
        """How many numbers the markers count."""
        return sum(marker.count for markers in self._markers.values() for marker in markers)

    def suppressions(self, partition: int) -> list[Suppressed]:
        """The changes of what is suppressed that were put on the topic, in its order."""
        return [
            Suppressed(area_code, change, user, removed, numbers)
            for area_code, change, user, removed, numbers in self._connection.execute(SUPPRESSIONS)
            if partition_for(area_code, self.partitions) == partition
        ]

    def area_codes(self, partition: int) -> list[str]:
        """The area codes of a partition that have batches or rows."""
        codes = sorted(self._markers.keys() | self._with_rows)
        return [code for code in codes if partition_for(code, self.partitions) == partition]

    def stored(self, area_code: str) -> Stored:
        """All batches of an area code, with their numbers."""
        first = numbering.first_e164(area_code)
        query = COPY_ROWS.format(first, first + numbering.AREA_CODE)
        with self._connection.cursor().copy(query.encode()) as copy:
            rows = read_rows(b"".join(bytes(part) for part in copy), COPY_ROW)
        numbers, ids = rows["number"].astype(np.int64), rows["row"].astype(np.int32)
        return stored_of(area_code, self._markers.get(area_code, []), ids, numbers)


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """PostgreSQL as it is now, for as long as this lasts.  Raises NotReachable."""
    with database(settings) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield Snapshot(connection)


@dataclass(frozen=True)
class Verified:
    """Every area code, and how many changes of what is suppressed the ledger does not have."""

    area_codes: list[Compared]
    suppressions_missing: int


async def verify(settings: Settings, rows: Snapshot, each: Each) -> Verified:
    """Compare all. each: told of the numbers read. May run while workers do.  Raises NotReachable."""
    found, missing = [], 0
    for partition in range(rows.partitions):
        facts = await read_table(settings, "ledger", partition)
        missing += len(missing_suppressions(facts, rows.suppressions(partition)))
        for area_code, own, stored in _area_codes(rows, partition, facts):
            found.append(compare(area_code, own, stored, rows.completed))
            each(found[-1].stored)
    return Verified(found, missing)


async def rebuild(settings: Settings, rows: Snapshot, each: Each) -> Rebuilt:
    """Write every fact that is missing, none that is there.  Raises NotReachable, WorkersRunning."""
    await refuse_beside_workers(settings)
    name, count, size = f"rebuilt-{uuid.uuid4().hex}", 0, 0
    topic = topics.changelog_name(settings.namespace, "ledger")
    async with kafka_producer(settings) as producer:
        for partition in range(rows.partitions):
            facts = await read_table(settings, "ledger", partition)
            lists = missing_suppressions(facts, rows.suppressions(partition))
            draws = _missing_draws(rows, partition, facts, name, each)
            for missing in (lists, *draws):
                sent = [
                    await producer.send(topic, value, key, partition=partition) for key, value in missing.items()
                ]
                await asyncio.gather(*sent)
                count, size = count + len(missing), size + sum(map(len, missing.values()))
    _forget_local_tables(settings)
    return Rebuilt(count, size)


async def refuse_beside_workers(settings: Settings) -> None:
    """Raise WorkersRunning where the group of the workers has members, NotReachable where nobody says."""
    async with kafka_admin(settings) as admin:
        response = await _described(admin, settings.namespace)
    for _, _, _, _, _, members, *_ in response.groups:
        if members:
            raise WorkersRunning(len(members))


async def _described(admin: AIOKafkaAdminClient, group: str) -> Any:
    """A new broker makes the topic of the groups when it is first asked, and has no coordinator until then."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            (response,) = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return response


def _missing_draws(
    rows: Snapshot, partition: int, facts: dict[bytes, bytes], name: str, each: Each
) -> Iterator[dict[bytes, bytes]]:
    for area_code, own, stored in _area_codes(rows, partition, facts):
        yield missing_facts(area_code, own, stored, name)
        each(sum(batch.count for batch in stored.batches))


def _area_codes(
    rows: Snapshot, partition: int, facts: dict[bytes, bytes]
) -> Iterator[tuple[str, dict[bytes, bytes], Stored]]:
    """Area code, its facts and what is stored of it. facts: of the partition."""
    found = by_area_code(facts)
    for area_code in sorted(found.keys() | set(rows.area_codes(partition))):
        yield area_code, found.pop(area_code, {}), rows.stored(area_code)


async def read_table(settings: Settings, table: str, partition: int) -> dict[bytes, bytes]:
    """What a partition of a table's changelog holds by now: the last value of each key.  Raises NotReachable."""
    found: dict[bytes, bytes] = {}
    async for record in read_to_end(settings, topics.changelog_name(settings.namespace, table), partition):
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = record.value
    return found


def _forget_local_tables(settings: Settings) -> None:
    """Copies in this machine's state directory: they go on from an offset that means another now, or is none.

    All tables', for the changelogs of the others may have been lost with the ledger's.
    """
    for copy in settings.state_dir.glob("workers/*/*/tables/*.db"):
        shutil.rmtree(copy)
