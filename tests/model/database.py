"""What PostgreSQL holds in the model: markers and rows of stored batches, verdicts of judged ones."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap

from schemas import events
from tests.model.scenario import Rules

Batch = tuple[str, int]  # task, number
Row = tuple[str, int]  # area code, number


@dataclass
class Database:
    """Each method is one transaction. expect: notes a violation unless it holds."""

    expect: Callable[..., bool]
    rules: Rules
    markers: dict[Batch, int] = field(default_factory=dict)
    rows: dict[Row, Batch] = field(default_factory=dict)
    judged: dict[Batch, dict[str, int]] = field(default_factory=dict)

    def store(self, batch: events.BatchAllocated) -> int | None:
        """Rows that are durable; None where the database holds a number already."""
        marker = batch.task_id, batch.batch
        count = len(BitMap.deserialize(batch.numbers))
        if not self.expect(self.markers.get(marker, count) == count, "another content of a stored batch", batch):
            return None
        if not (self.rules.marked and marker in self.markers):
            rows = [(batch.area_code, number) for number in BitMap.deserialize(batch.numbers)]
            for row in rows:
                if not self.expect(row not in self.rows, "number twice", row, self.rows.get(row), marker):
                    return None
            self.rows.update(dict.fromkeys(rows, marker))
            self.markers[marker] = count
        return self.markers[marker]

    def judge(self, planned: events.ValidationPlanned, found: int) -> dict[str, int] | None:
        """Verdicts that are durable, by their marker; None where the numbers are not those that were planned.

        found: what the prefix data say of them at this moment.
        """
        batch = planned.task_id, planned.batch
        if not (self.rules.judged_once and batch in self.judged):
            held = list(self.markers.values())
            if sum(held[one] for one in np.frombuffer(planned.batch_ids, "<i4").tolist()) != planned.size:
                return None
            valid = found % (planned.size + 1)
            self.judged[batch] = {"valid": valid, "unassigned_block": planned.size - valid}
        return self.judged[batch]
