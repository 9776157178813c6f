"""ledger, tasks -> batches, task-events: now and then, commands that put old facts together or let them go.

Any worker, replay and zombie does what a command says in the same way, for it names its facts; so whoever has a
partition may look for old ones at any time, and where two look at once the later command finds nothing left to do.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from itertools import islice
from time import monotonic as _now
from typing import LiteralString

from agents.database import Database
from agents.delivery import Delivery
from agents.faust_workarounds import Table
from agents.records import Outgoing
from agents.usage import AREA_CODES
from pipeline.allocate import facts_prefix
from pipeline.compact import (
    FEWEST_FACTS,
    LEDGER_AGE,
    TASK_AGE,
    compactions,
    drawn_for,
    forgotten,
    is_of_task,
    tasks_of,
)
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.partitions import partition_for

# no batch of a task that has ended is sent again; older than the retention of batches, none can be read again
OLD_TASKS: LiteralString = """
SELECT task_id::text FROM task_states WHERE task_id = ANY(%s::uuid[]) AND completed_at < to_timestamp(%s)
"""
AT_ONCE = 64  # facts read without letting the steps go on
REST = 4  # for each second that a command or a reading takes, so many without: steps keep four fifths of their time
LOOK_SECONDS = 0.02


class Compactor:
    """Looks every so many seconds, 0 for never, at all facts of the worker's partitions, an area code at a time."""

    def __init__(
        self,
        delivery: Delivery,
        ledger: Table,
        tasks: Table,
        database: Database,
        metrics: WorkerMetrics,
        partitions: int,
        seconds: float,
    ) -> None:
        self._delivery, self._ledger, self._tasks = delivery, ledger, tasks
        self._database, self._metrics = database, metrics
        self._partitions, self._seconds = partitions, seconds
        self._owned: frozenset[int] = frozenset()

    def owns(self, partitions: frozenset[int]) -> None:
        """These partitions are this worker's from now on."""
        self._owned = partitions

    async def run(self) -> None:
        """Look for ever."""
        while self._seconds:
            await asyncio.sleep(self._seconds)
            await self.look()

    async def look(self) -> None:
        """All partitions once; no further where they become another worker's."""
        owned, facts = self._owned, 0
        try:
            for code in AREA_CODES:
                partition = partition_for(code, self._partitions)
                if partition in owned:
                    facts += await self._put_together(code, partition, owned)
            for partition in sorted(owned):
                await self._let_go(partition, owned)
        except _Moved:
            return
        self._metrics.ledger_facts.set(facts)

    async def _put_together(self, code: str, partition: int, owned: frozenset[int]) -> int:
        """One command after the other, each carried out before the next; how many facts there were."""
        prefix = facts_prefix(code)
        found = self._facts(self._ledger, partition, prefix, owned)
        facts = [key.removeprefix(prefix).decode() async for key, _ in found]
        if len(facts) >= FEWEST_FACTS:
            old = await self._old(drawn_for(facts))
            for command in compactions(code, facts, old, uuid.uuid4().hex):
                started = _now()
                await self._delivery.send(_message(topics.BATCHES, code, command))
                await self._carried_out(command, partition, owned)
                await asyncio.sleep(REST * (_now() - started))
        return len(facts)

    async def _old(self, tasks: Collection[str]) -> frozenset[str]:
        """Those of these tasks that ended before anything that can still be read."""
        async with self._database.connection(1) as connection:
            before = time.time() - LEDGER_AGE.total_seconds()
            rows = await connection.execute(OLD_TASKS, (list(tasks), before))
            return frozenset(task for (task,) in await rows.fetchall())

    async def _carried_out(self, command: events.Compact, partition: int, owned: frozenset[int]) -> None:
        """Wait until the last of its facts is gone, by this command or by somebody else's."""
        last = facts_prefix(command.area_code) + command.facts[-1].encode()
        while self._has(partition, last, owned):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)

    async def _let_go(self, partition: int, owned: frozenset[int]) -> None:
        """Tasks that ended so long ago that nobody asks for them again."""
        before = int((time.time() - TASK_AGE.total_seconds()) * 1000)
        of_one: dict[bytes, bytes] = {}
        async for key, value in self._facts(self._tasks, partition, b"", owned):
            if of_one and _task(key) != _task(next(iter(of_one))):
                await self._forget(of_one, before)
                of_one = {}
            if is_of_task(key):
                of_one[key] = value
        await self._forget(of_one, before)

    async def _forget(self, facts: Mapping[bytes, bytes], before: int) -> None:
        for command in forgotten(tasks_of(facts), before):
            await self._delivery.send(_message(topics.TASK_EVENTS, command.user_id, command))

    async def _facts(
        self, table: Table, partition: int, prefix: bytes, owned: frozenset[int]
    ) -> AsyncIterator[tuple[bytes, bytes]]:
        """Key and value in the order of keys, some at once."""
        after, started = b"", _now()
        while found := self._some(table, partition, prefix, after, owned):
            seconds = _now() - started
            for one in found:
                yield one
            await asyncio.sleep(REST * seconds)
            after, started = found[-1][0], _now()

    def _has(self, partition: int, key: bytes, owned: frozenset[int]) -> bool:
        """Whether a fact is in the ledger. The first key that begins with another is that one itself."""
        return [found for found, _ in self._some(self._ledger, partition, key, b"", owned, 1)] == [key]

    def _some(
        self, table: Table, partition: int, prefix: bytes, after: bytes, owned: frozenset[int], most: int = AT_ONCE
    ) -> list[tuple[bytes, bytes]]:
        """No await between the look at whose the partition is and the reading.  Raises _Moved."""
        if owned is not self._owned:
            raise _Moved
        return list(islice(table.items_with_prefix(partition, prefix, after), most))


class _Moved(Exception):
    """The partitions are another worker's by now, or may be."""


def _task(key: bytes) -> list[bytes]:
    return key.split(b"|", 2)[:2]


def _message(topic: topics.Topic, key: str, command: events.Compact | events.TaskForgotten) -> Outgoing:
    return Outgoing(topic, key.encode(), codec.encode(command), key)
