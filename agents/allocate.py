"""batches -> allocate -> allocations: the dedup agent. No number is given out twice."""

from pyroaring import BitMap

from agents.delivery import Delivery, Outgoing, Record, batch_headers, pure
from agents.faust_workarounds import Table
from agents.prefixes import Prefixes
from agents.unions import Unions
from pipeline.allocate import Spaces, allocated, draw_batch, fact_key, facts_prefix, union
from pipeline.metrics import WorkerMetrics
from pipeline.prefixes import AreaCode
from schemas import codec, events, topics


class Allocate:
    """The step allocate. Table `ledger`: ``area code|task|batch`` -> roaring bitmap of the numbers drawn."""

    def __init__(self, delivery: Delivery, ledger: Table, prefixes: Prefixes, metrics: WorkerMetrics) -> None:
        self._delivery, self._ledger, self._prefixes, self._metrics = delivery, ledger, prefixes, metrics
        self._spaces = Spaces()
        self.unions: Unions[str, BitMap] = Unions()

    async def __call__(self, record: Record) -> None:
        """One planned batch: write the fact, then send it (delivery contract, rule 5)."""
        with pure():
            planned = record.event(events.BatchPlanned)
            key = fact_key(planned.area_code, planned.task_id, planned.batch)
        prefixes = await self._prefixes.of(planned.area_code, planned.prefix_version, record.partition)
        fact = self._drawn(planned, key, record.partition, prefixes)
        await self._delivery.written(self._ledger.put(key, fact))
        with pure():
            event = allocated(planned, fact)
            message = Outgoing(
                topics.ALLOCATIONS, record.key, codec.encode(event), planned.area_code, batch_headers(event)
            )
        await self._delivery.send(message)

    def _drawn(self, planned: events.BatchPlanned, key: bytes, partition: int, prefixes: AreaCode) -> bytes:
        """The fact of a batch: as it is in the ledger, else drawn. No await between reading and adding."""
        unions = self.unions.current()
        if (taken := unions.get(planned.area_code)) is None:
            facts = self._ledger.items_with_prefix(partition, facts_prefix(planned.area_code))
            taken = unions[planned.area_code] = union(fact for _, fact in facts)
            self._metrics.ledger_area_codes.set(len(unions))
        if (fact := self._ledger.get(key)) is None:
            with pure():
                drawn = draw_batch(planned, self._spaces.of(prefixes, planned.filters), taken)
                fact = drawn.serialize()
            taken |= drawn
            self._metrics.numbers.labels("drawn").inc(len(drawn))
        else:
            taken |= BitMap.deserialize(fact)
        return bytes(fact)
