"""The ledger as the steps of its partitions use it: what an area code has left, out of its facts.

Table `ledger`: ``area code|task|batch`` -> roaring bitmap of the numbers drawn;
``suppressed|area code|number|change`` -> Suppressed.
"""

from agents.faust_workarounds import Table
from agents.unions import Unions
from pipeline import suppress
from pipeline.allocate import facts_prefix, union
from pipeline.holdings import Holdings
from pipeline.metrics import WorkerMetrics
from pipeline.suppress import Suppressions


class Ledger:
    """The table, the unions of its facts by area code, and which of these have changed since that was cleared."""

    def __init__(self, table: Table, metrics: WorkerMetrics) -> None:
        self.table, self._metrics = table, metrics
        self.unions: Unions[str, Holdings] = Unions()
        self.changed: Unions[str, None] = Unions()

    def of(self, area_code: str, partition: int) -> Holdings:
        """The holdings of an area code, read at its first use in a generation, and to be changed.

        To be called, and what it returns to be changed, without an await in between (agents.unions).
        """
        unions = self.unions.current()
        self.changed.current()[area_code] = None
        if (found := unions.get(area_code)) is None:
            found = unions[area_code] = self._read(area_code, partition)
            self._metrics.ledger_area_codes.set(len(unions))
        return found

    def peek(self, area_code: str, partition: int) -> Holdings | None:
        """The holdings of an area code that has any facts; read, and not kept, where they are not in memory."""
        if (found := self.unions.current().get(area_code)) is not None:
            return found
        prefixes = (facts_prefix(area_code), suppress.facts_prefix(area_code))
        some = any(True for prefix in prefixes for _ in self.table.items_with_prefix(partition, prefix))
        return self._read(area_code, partition) if some else None

    def _read(self, area_code: str, partition: int) -> Holdings:
        taken = self.table.items_with_prefix(partition, facts_prefix(area_code))
        changes = self.table.items_with_prefix(partition, suppress.facts_prefix(area_code))
        return Holdings(union(fact for _, fact in taken), Suppressions.of_facts(fact for _, fact in changes))
