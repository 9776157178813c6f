"""allocations -> enrich -> numbers: joins each number with the row of the prefix data that it belongs to."""

from agents.delivery import Delivery, pure
from agents.prefixes import Prefixes
from agents.records import Outgoing, Record, batch_headers
from pipeline.enrich import enrich
from schemas import codec, events, topics


class Enrich:
    """The step enrich."""

    def __init__(self, delivery: Delivery, prefixes: Prefixes) -> None:
        self._delivery, self._prefixes = delivery, prefixes

    async def __call__(self, record: Record) -> None:
        """One allocated batch."""
        with pure():
            allocated = record.event(events.BatchAllocated)
        prefixes = await self._prefixes.of(allocated.area_code, allocated.prefix_version, record.partition)
        with pure():
            event = enrich(allocated, prefixes)
            message = Outgoing(
                topics.NUMBERS, record.key, codec.encode(event), event.area_code, batch_headers(event)
            )
        await self._delivery.send(message)
