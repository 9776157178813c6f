"""The prefix data that uploaded lists are judged by: the newest version, read when it is first needed."""

import asyncio
from typing import LiteralString

import numpy as np

from gateway.database import Database
from pipeline.binary_copy import read_rows, row_type
from pipeline.errors import Unavailable
from pipeline.holders import COLUMNS, Holders
from pipeline.verdicts import Blocks

CURRENT = "SELECT max(version) AS version FROM prefix_versions WHERE published_at IS NOT NULL"
TEXTS: LiteralString = (
    "coalesce(carrier, ''), coalesce(line_type, ''), coalesce(state, ''), coalesce(country, ''), "
    "coalesce(timezone, ''), coalesce(rate_center, '')"
)
CONTENTS: LiteralString = f"""
SELECT array_agg(ARRAY[{TEXTS}] ORDER BY {TEXTS}) AS contents
FROM (
    SELECT DISTINCT carrier, line_type, state, country, timezone, rate_center FROM prefixes
    WHERE version = %(version)s
) AS one
"""
# numbered in the order of CONTENTS
ROWS: LiteralString = f"""
COPY (
    SELECT area_code, nxx, blocks, (dense_rank() OVER (ORDER BY {TEXTS}) - 1)::integer
    FROM prefixes WHERE version = %s
) TO STDOUT (FORMAT BINARY)
"""
ROW = row_type(area_code=">i2", nxx=">i2", blocks=">i2", content=">i4")


class HoldersReader:
    """One version in memory, some 20 MB; the next takes its place."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holders: Holders | None = None
        self._reading = asyncio.Lock()

    async def current(self) -> Holders:
        """The version that new requests are planned by.  Raises Unavailable."""
        async with self._reading:
            version = (await self._database.rows(CURRENT, {}))[0]["version"]
            if version is None:
                raise Unavailable("prefix data: run `numberline init`", 0)
            if self._holders is None or self._holders.version != str(version):
                self._holders = await self._read(version)
            return self._holders

    async def _read(self, version: int) -> Holders:
        async with self._database.connection() as connection:
            found = await (await connection.execute(CONTENTS, {"version": version})).fetchone()
            async with connection.cursor().copy(ROWS, (version,)) as copy:
                data = b"".join([bytes(part) async for part in copy])
        assert found is not None
        contents = tuple(tuple(texts) for texts in found["contents"])
        assert all(len(texts) == len(COLUMNS) for texts in contents)
        return await asyncio.to_thread(_holders, version, data, contents)


def _holders(version: int, data: bytes, contents: tuple[tuple[str, ...], ...]) -> Holders:
    rows = read_rows(data, ROW)
    area_codes, nxx, blocks = (rows[name].astype(np.int64) for name in ("area_code", "nxx", "blocks"))
    return Holders(
        str(version), Blocks(version, area_codes, nxx, blocks, rows["content"].astype(np.int32)), contents
    )
