"""batches -> allocate -> usage: twice a second, how much of each area code that has changed is gone.

A hint: what counts is the ledger. Intake refuses early by it, and capacity is answered by it.
"""

import asyncio

from agents.delivery import Delivery
from agents.ledger import Ledger
from agents.records import Outgoing
from schemas import codec, events, topics
from schemas.partitions import partition_for

PAUSE_SECONDS = 0.5  # with sending and reading, what is told is true as of at most a second ago
AREA_CODES = tuple(str(code) for code in range(200, 1000))


class UsageTeller:
    """Tells of area codes that steps of this worker have changed, and of all that it owns when it gets them.

    The latter because whoever had them before may have ended without having told of its last batches.
    """

    def __init__(self, delivery: Delivery, ledger: Ledger, partitions: int) -> None:
        self._delivery, self._ledger, self._partitions = delivery, ledger, partitions
        self._owned: frozenset[int] = frozenset()
        self._all = False

    def owns(self, partitions: frozenset[int]) -> None:
        """These partitions are this worker's from now on."""
        self._owned, self._all = partitions, True

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            if self._all:
                self._all = False
                await self._tell_all()
            await self._tell_changed()

    async def _tell_changed(self) -> None:
        holdings, changed = self._ledger.unions.current(), self._ledger.changed.current()
        codes = [code for code in changed if code in holdings]
        changed.clear()
        # encoded without an await, so that each is one moment of its area code
        if messages := [self._message(holdings[code].usage(code)) for code in codes]:
            await self._delivery.send(*messages)

    async def _tell_all(self) -> None:
        owned = self._owned
        for code in AREA_CODES:
            partition = partition_for(code, self._partitions)
            if owned is not self._owned:
                return  # they are another worker's by now
            if partition in owned and (holdings := self._ledger.peek(code, partition)) is not None:
                await self._delivery.send(self._message(holdings.usage(code)))

    def _message(self, usage: events.Usage) -> Outgoing:
        return Outgoing(topics.USAGE, usage.area_code.encode(), codec.encode(usage), usage.area_code)
