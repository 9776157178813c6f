"""Many facts that are let go of."""

from collections.abc import Sequence

from agents.delivery import Delivery
from agents.faust_workarounds import Table

AT_ONCE = 32  # changelog records that are waited for: between such slices other partitions go on


async def remove_all(delivery: Delivery, table: Table, keys: Sequence[bytes]) -> None:
    """Delete in this order, and return when the broker has acknowledged every one."""
    for at in range(0, len(keys), AT_ONCE):
        await delivery.written(*(table.remove(key) for key in keys[at : at + AT_ONCE]))
