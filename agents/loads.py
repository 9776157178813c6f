"""What users with a quota have under way, in the table `tasks`: ``#user|day|task`` -> numbers, and ``...|end``."""

from collections.abc import Awaitable
from typing import Any

from agents.deletions import remove_all
from agents.delivery import Delivery, pure
from agents.faust_workarounds import Table
from agents.records import Record
from agents.unions import Unions
from pipeline import quota
from pipeline.quota import Load
from pipeline.task import Task
from schemas import events


class Loads:
    """Coordinate's account of quotas: all of a user's tasks are in one partition (delivery contract, rule 2)."""

    def __init__(self, delivery: Delivery, table: Table) -> None:
        self._delivery, self._table = delivery, table
        self.unions: Unions[str, Load] = Unions()

    async def affordable(self, record: Record, submitted: events.Submission, task: Task) -> events.TaskEvent:
        """A task that is new, or its refusal. task: what is known of it, which is refusals."""
        if submitted.quota is None:
            return submitted
        load = await self._load(record, submitted.user_id)
        with pure():
            return quota.over_quota(submitted, load, record.timestamp, task.refusals) or submitted

    async def _load(self, record: Record, user_id: str) -> Load:
        """Read anew each day, for what has expired by then goes, in memory as in the table."""
        loads, today = self.unions.current(), record.timestamp // quota.DAY_MS
        if (load := loads.get(user_id)) is None or load.read_on < today:
            facts = list(self._table.items_with_prefix(record.partition, quota.fact_prefix(user_id)))
            with pure():
                old = {key for key, _ in facts if quota.expired(key, record.timestamp)}
                load = loads[user_id] = Load.of_facts((fact for fact in facts if fact[0] not in old), today)
            await remove_all(self._delivery, self._table, sorted(old))
        return load

    def planned(self, event: events.TaskEvent, task: Task) -> list[Awaitable[Any]]:
        """The fact that a task is planned, to be written after its plan: without the plan it must not count.

        By the quota of its plan: the same request may come again with another one, or the first.
        """
        submitted = task.submitted
        if not isinstance(event, events.Submission) or submitted is None or submitted.quota is None:
            return []
        if (load := self.unions.current().get(submitted.user_id)) is not None:
            load.add(submitted.task_id, task.started_at, quota.asked(submitted))
        key = quota.fact_key(submitted.user_id, task.started_at, submitted.task_id)
        return [self._table.put(key, str(quota.asked(submitted)).encode())]

    def ended(self, task: Task) -> list[Awaitable[Any]]:
        """The fact that it has ended, to be written before its end: with the end its counts are gone."""
        submitted = task.submitted
        if submitted is None or submitted.quota is None:
            return []
        key = quota.fact_key(submitted.user_id, task.started_at, submitted.task_id, ended=True)
        known = self._table.get(key)
        delivered = int(known) if known is not None else quota.delivered(task)
        if (load := self.unions.current().get(submitted.user_id)) is not None:
            load.end(submitted.task_id, task.started_at, delivered)
        return [self._table.put(key, str(delivered).encode())]
