"""batches -> allocate -> allocations: the dedup agent. No number is given out twice, none that is suppressed."""

from pyroaring import BitMap

from agents.deletions import remove_all
from agents.delivery import Delivery, pure
from agents.faust_workarounds import Table
from agents.ledger import Ledger
from agents.prefixes import Prefixes
from agents.records import Outgoing, Record, batch_headers
from pipeline import suppress
from pipeline.allocate import Spaces, allocated, draw_batch, fact_key, facts_prefix
from pipeline.ledger import sum_key, sum_of
from pipeline.metrics import WorkerMetrics
from pipeline.prefixes import AreaCode
from schemas import codec, events, topics

BATCHES = (events.BatchPlanned, events.Suppressed, events.Compact)


class Allocate:
    """The step allocate."""

    def __init__(self, delivery: Delivery, table: Table, prefixes: Prefixes, metrics: WorkerMetrics) -> None:
        self._delivery, self._prefixes, self._metrics = delivery, prefixes, metrics
        self._spaces = Spaces()
        self.ledger = Ledger(table, metrics)

    async def __call__(self, record: Record) -> None:
        """One planned batch, one change of what is suppressed, or old facts to be put together."""
        with pure():
            event = record.event(*BATCHES)
        match event:
            case events.Suppressed():
                await self._suppress(event, record)
            case events.Compact():
                await self._compact(event)
            case events.BatchPlanned():
                await self._allocate(event, record)

    async def _allocate(self, planned: events.BatchPlanned, record: Record) -> None:
        """Write the fact, then send it (delivery contract, rule 5)."""
        with pure():
            key = fact_key(planned.area_code, planned.task_id, planned.batch)
        prefixes = await self._prefixes.of(planned.area_code, planned.prefix_version, record.partition)
        fact = self._drawn(planned, key, record.partition, prefixes)
        await self._delivery.written(self.ledger.table.put(key, fact))
        with pure():
            event = allocated(planned, fact)
            message = Outgoing(
                topics.ALLOCATIONS, record.key, codec.encode(event), planned.area_code, batch_headers(event)
            )
        await self._delivery.send(message)

    def _drawn(self, planned: events.BatchPlanned, key: bytes, partition: int, prefixes: AreaCode) -> bytes:
        """The fact of a batch: as it is in the ledger, else drawn. No await between reading and adding."""
        holdings = self.ledger.of(planned.area_code, partition)
        if (fact := self.ledger.table.get(key)) is None:
            with pure():
                space = self._spaces.of(prefixes, planned.filters)
                drawn = draw_batch(planned, space, holdings.withheld_from(planned.user_id))
                fact = drawn.serialize()
            holdings.add(drawn)
            self._metrics.numbers.labels("drawn").inc(len(drawn))
        else:
            holdings.add(BitMap.deserialize(fact))
        return bytes(fact)

    async def _suppress(self, event: events.Suppressed, record: Record) -> None:
        """The record is the fact; written again where it is there, as on every replay (rule 5)."""
        holdings = self.ledger.of(event.area_code, record.partition)
        with pure():
            place = holdings.apply(event)
            key = suppress.fact_key(event.area_code, place, event.change)
        await self._delivery.written(self.ledger.table.put(key, record.value or b""))

    async def _compact(self, event: events.Compact) -> None:
        """The sum first, then the deletions; what all facts add up to stays the same, so nobody else is told.

        Written again on a replay, and never made anew: a part of what it stands for may be gone by then. A command
        none of whose facts are left was done before, and its sum put into another.
        """
        table = self.ledger.table
        with pure():
            key = sum_key(event.area_code, event.name)
            old = [facts_prefix(event.area_code) + name.encode() for name in event.facts]
        found = [fact for one in old if (fact := table.get(one)) is not None]
        if (fact := table.get(key)) is None and found:
            with pure():
                fact = sum_of(found)
        if fact is not None:
            await self._delivery.written(table.put(key, fact))
            self._metrics.facts_let_go.labels("ledger").inc(len(found))
            await remove_all(self._delivery, table, old)
