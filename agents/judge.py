"""validations -> judge -> PostgreSQL, task-events: the verdicts on a batch; lookups, where a provider is asked."""

import numpy as np
import numpy.typing as npt

from agents.database import Database
from agents.delivery import Delivery, pure
from agents.held import held_numbers
from agents.lookup import to_look_up
from agents.prefix_versions import Versions
from agents.records import Record, task_event
from agents.suppressed import SuppressedReader
from agents.verdicts import VerdictStore
from pipeline import numbering
from pipeline.judge import given_numbers, judged_numbers, numbers_judged
from pipeline.validation import HELD
from schemas import events


class Judge:
    """The step judge."""

    def __init__(self, delivery: Delivery, database: Database, versions: Versions, store: VerdictStore) -> None:
        self._delivery, self._database, self._versions, self._store = delivery, database, versions, store
        self._suppressed = SuppressedReader(database)

    async def __call__(self, record: Record) -> None:
        """One planned batch: judged by the version of its plan, durable, then reported."""
        with pure():
            planned = record.event(events.ValidationPlanned)
        blocks = await self._versions.blocks(planned.prefix_version)
        suppressed = await self._suppressed.of(planned.user_id, planned.suppressions)
        if planned.source == "internal" and planned.kind == HELD:
            judged = await self._store.held(planned, blocks, suppressed)
            await self._delivery.send(task_event(judged))
            return
        numbers = await self._part(planned) if planned.kind == HELD else given_numbers(planned)
        with pure():
            batch = numbers_judged(planned, numbers, blocks, suppressed)
        if planned.source == "external":
            await self._delivery.send(to_look_up(batch))
            return
        with pure():
            rows = judged_numbers(batch)
        stored = await self._store.numbers(batch, rows)
        await self._delivery.send(task_event(stored))

    async def _part(self, planned: events.ValidationPlanned) -> npt.NDArray[np.int64]:
        """The national numbers of a part of a stored batch."""
        batch_ids = np.frombuffer(planned.batch_ids, "<i4").tolist()
        async with self._database.connection(0) as connection:
            rows = await held_numbers(connection, batch_ids)
        part = rows["number"][planned.offset : planned.offset + planned.size]
        return np.asarray(part.astype(np.int64) - numbering.COUNTRY)
