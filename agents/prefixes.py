"""prefixes -> load -> table `prefixes`: the prefix data of the area codes that this worker owns."""

import asyncio
from collections import OrderedDict

from agents.delivery import Delivery, pure
from agents.faust_workarounds import Table
from agents.records import Record
from pipeline.errors import BatchImpossible, Unavailable
from pipeline.prefixes import AreaCode
from schemas import codec, events
from schemas.identity import prefix_key

POLL_SECONDS = 0.02


class Load:
    """The step load: copies what the import wrote into the table, where allocate and enrich find it."""

    def __init__(self, delivery: Delivery, table: Table) -> None:
        self._delivery, self._table = delivery, table
        self.taken = 0

    async def __call__(self, record: Record) -> None:
        """One area code in one version; a tombstone withdraws it. `current` is for the catalogue alone."""
        self.taken += 1
        if record.key is None or b"|" not in record.key:
            return
        if record.value is None:
            await self._delivery.written(self._table.remove(record.key))
            return
        with pure():
            record.event(events.PrefixBlocks)
        await self._delivery.written(self._table.put(record.key, record.value))


class Prefixes:
    """The table as allocate and enrich read it. load: what fills it."""

    def __init__(self, delivery: Delivery, table: Table, load: Load, most: int = 512) -> None:
        self._delivery, self._table, self._load, self._most = delivery, table, load, most
        self._parsed: OrderedDict[bytes, AreaCode] = OrderedDict()  # immutable, so no rebalance outdates it

    async def of(self, area_code: str, version: int, partition: int) -> AreaCode:
        """The data of an area code in this version, waiting for one that is still to be loaded.

        Raises BatchImpossible for a version older than all that the table has of it, or than any where it has none.
        """
        key = prefix_key(area_code, version)
        if (parsed := self._parsed.get(key)) is None:
            value = await self._loaded(area_code, version, partition)
            with pure():
                event = codec.decode(value)
                assert isinstance(event, events.PrefixBlocks)
                parsed = self._parsed[key] = AreaCode(event)
            if len(self._parsed) > self._most:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(key)
        return parsed

    async def _loaded(self, area_code: str, version: int, partition: int) -> bytes:
        """The deadline begins anew while others are loaded: on a busy worker all of them may take long."""
        while True:
            taken = self._load.taken
            if self._withdrawn(area_code, version, partition):
                raise _gone(area_code, version)
            try:
                return await self._delivery.within_deadline(
                    self._value(area_code, version, partition), f"prefix data of {area_code}, version {version}"
                )
            except Unavailable:
                if self._load.taken == taken:
                    raise

    async def _value(self, area_code: str, version: int, partition: int) -> bytes:
        while (value := self._table.get(prefix_key(area_code, version))) is None:
            rows = self._table.items_with_prefix(partition, f"{area_code}|".encode())
            versions = [int(key.partition(b"|")[2]) for key, _ in rows]
            if versions and version < min(versions):
                raise _gone(area_code, version)
            await asyncio.sleep(POLL_SECONDS)
        return bytes(value)

    def _withdrawn(self, area_code: str, version: int, partition: int) -> bool:
        """Whether nothing of an area code is left, and nothing will come: its partition is at a newer version."""
        if any(True for _ in self._table.items_with_prefix(partition, f"{area_code}|".encode())):
            return False
        others = (key.partition(b"|")[2] for key, _ in self._table.items_with_prefix(partition, b""))
        return any(int(other) > version for other in others if other.isdigit())


def _gone(area_code: str, version: int) -> BatchImpossible:
    return BatchImpossible(
        "prefix_version_gone",
        f"version {version} of the prefix data of {area_code} is deleted; submit the request again",
    )
