"""Versions of the prefix data out of PostgreSQL as columns: what a validation judges by."""

import asyncio
from collections import OrderedDict
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from agents.binary_copy import copied
from agents.database import Connection, Database
from pipeline.binary_copy import Rows, RowType, row_type
from pipeline.errors import BatchImpossible
from pipeline.verdicts import Blocks

V = TypeVar("V")

COPY_PREFIXES = """
COPY (SELECT prefix_id, area_code, nxx, blocks FROM prefixes WHERE version = %s) TO STDOUT (FORMAT BINARY)
"""
COPY_CONTENTS = """
COPY (
    SELECT prefix_id, hashtextextended(ROW(country, state, timezone, carrier, line_type, rate_center)::text, 0)
    FROM prefixes WHERE version = %s ORDER BY prefix_id
) TO STDOUT (FORMAT BINARY)
"""

PREFIX_ROW = row_type(prefix=">i4", area_code=">i2", nxx=">i2", blocks=">i2")
CONTENT_ROW = row_type(prefix=">i4", content=">i8")


class Contents:
    """What the rows of one version say beside the blocks: equal content, equal hash."""

    def __init__(self, rows: Rows) -> None:
        self._first, self._hashes = int(rows["prefix"][0]), rows["content"].astype(np.int64)

    def of(self, prefix_ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """The hash of each; 0 of what is no row of this version."""
        at = prefix_ids - self._first
        known = (at >= 0) & (at < len(self._hashes))
        return np.where(known, self._hashes[np.where(known, at, 0)], 0)


class Versions:
    """The versions of the prefix data that numbers are judged by, each immutable; the last ones used are kept."""

    def __init__(self, database: Database, most: int = 2) -> None:
        self._database, self._most = database, most
        self._blocks: OrderedDict[int, Blocks] = OrderedDict()
        self._contents: OrderedDict[int, Contents] = OrderedDict()
        # one each: who asks for contents holds a connection, who reads blocks waits for one
        self._reading_blocks, self._reading_contents = asyncio.Lock(), asyncio.Lock()

    async def blocks(self, version: int) -> Blocks:
        """The join of a version.  Raises BatchImpossible where it is deleted."""
        async with self._reading_blocks:
            if version not in self._blocks:
                async with self._database.connection(0) as connection:
                    rows = await _rows(connection, version, COPY_PREFIXES, PREFIX_ROW)
                made = await asyncio.to_thread(_blocks, version, rows)
                _keep(self._blocks, version, made, self._most)
            self._blocks.move_to_end(version)
            return self._blocks[version]

    async def contents(self, version: int, connection: Connection) -> Contents:
        """What its rows say.  Raises BatchImpossible where it is deleted."""
        async with self._reading_contents:
            if version not in self._contents:
                rows = await _rows(connection, version, COPY_CONTENTS, CONTENT_ROW)
                _keep(self._contents, version, Contents(rows), self._most)
            self._contents.move_to_end(version)
            return self._contents[version]


async def _rows(connection: Connection, version: int, query: str, row: RowType) -> Rows:
    if not len(rows := await copied(connection, query, version, row)):
        raise BatchImpossible(
            "prefix_version_gone", f"version {version} of the prefix data is deleted; submit the request again"
        )
    return rows


def _blocks(version: int, rows: Rows) -> Blocks:
    area_codes, nxx, blocks = (rows[name].astype(np.int64) for name in ("area_code", "nxx", "blocks"))
    return Blocks(version, area_codes, nxx, blocks, rows["prefix"].astype(np.int32))


def _keep(known: "OrderedDict[int, V]", version: int, value: V, most: int) -> None:
    known[version] = value
    if len(known) > most:
        known.popitem(last=False)
