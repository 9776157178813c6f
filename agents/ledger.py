"""The ledger as the steps of its partitions use it: what an area code has left, out of its facts.

Table `ledger`: ``area code|task|batch`` -> roaring bitmap of the numbers drawn;
``suppressed|area code|number|change`` -> Suppressed.
"""

from dataclasses import dataclass

from pyroaring import BitMap

from agents.faust_workarounds import Table
from agents.unions import Unions
from pipeline import suppress
from pipeline.allocate import facts_prefix, union
from pipeline.metrics import WorkerMetrics
from pipeline.suppress import Suppressions


@dataclass
class Holdings:
    """What all facts of one area code add up to."""

    taken: BitMap
    suppressed: Suppressions

    def withheld_from(self, user_id: str) -> BitMap:
        """What a batch of this user must not draw. Not to be changed."""
        suppressed = self.suppressed.of(user_id)
        return self.taken | suppressed if suppressed else self.taken


class Ledger:
    """The table, and the unions of its facts by area code."""

    def __init__(self, table: Table, metrics: WorkerMetrics) -> None:
        self.table, self._metrics = table, metrics
        self.unions: Unions[str, Holdings] = Unions()

    def of(self, area_code: str, partition: int) -> Holdings:
        """The holdings of an area code, read at its first use in a generation. To be called, and what it
        returns to be changed, before the first await of an event (agents.unions)."""
        unions = self.unions.current()
        if (found := unions.get(area_code)) is None:
            taken = self.table.items_with_prefix(partition, facts_prefix(area_code))
            changes = self.table.items_with_prefix(partition, suppress.facts_prefix(area_code))
            found = unions[area_code] = Holdings(
                union(fact for _, fact in taken), Suppressions.of_facts(fact for _, fact in changes)
            )
            self._metrics.ledger_area_codes.set(len(unions))
        return found
