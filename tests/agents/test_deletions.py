"""Facts that are let go of in slices."""

from typing import Any

from agents.deletions import AT_ONCE, remove_all
from tests.agents.fakes import FakeDelivery, FakeTable


async def test_each_slice_is_acknowledged_before_the_next() -> None:
    """In the order given, to the last one."""
    calls: list[tuple[str, Any]] = []
    delivery: Any = FakeDelivery(calls)
    table: Any = FakeTable(calls)
    keys = [b"%d" % number for number in range(AT_ONCE + 1)]

    await remove_all(delivery, table, keys)

    first, last = [("remove", key) for key in keys[:AT_ONCE]], ("remove", keys[AT_ONCE])
    assert calls == [*first, ("written", AT_ONCE), last, ("written", 1)]
