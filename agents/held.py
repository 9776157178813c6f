"""Held numbers and prefix data out of PostgreSQL as columns: what a validation names, and what it judges by."""

import asyncio
from collections import OrderedDict
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from agents.database import Connection, Database
from pipeline.errors import BatchImpossible
from pipeline.validation import Held
from pipeline.verdicts import Blocks

V = TypeVar("V")

COPY_HEADER_BYTES, COPY_TRAILER_BYTES = 19, 2  # PostgreSQL documentation, COPY, "Binary Format"

SELECT_BATCHES = """
SELECT batch_id, count FROM batches
WHERE user_id = %(user)s AND count > 0
    AND {which}
ORDER BY batch_id
"""
OF_TASK = SELECT_BATCHES.format(which="task_id = %(name)s")
OF_PROJECT = SELECT_BATCHES.format(which="project_id = %(name)s")

COPY_NUMBERS = """
COPY (
    SELECT number, batch_id, prefix_id FROM numbers WHERE batch_id = ANY(%s) ORDER BY number
) TO STDOUT (FORMAT BINARY)
"""
COPY_PREFIXES = """
COPY (SELECT prefix_id, area_code, nxx, blocks FROM prefixes WHERE version = %s) TO STDOUT (FORMAT BINARY)
"""
COPY_CONTENTS = """
COPY (
    SELECT prefix_id, hashtextextended(ROW(country, state, timezone, carrier, line_type, rate_center)::text, 0)
    FROM prefixes WHERE version = %s ORDER BY prefix_id
) TO STDOUT (FORMAT BINARY)
"""


def _row(**columns: str) -> np.dtype[np.void]:
    """A row of binary COPY without nulls: a count of fields, then length and value of each."""
    fields = [("fields", ">i2")]
    for name, type_ in columns.items():
        fields += [(f"{name}_length", ">i4"), (name, type_)]
    return np.dtype(fields)


NUMBER_ROW = _row(number=">i8", batch=">i4", prefix=">i4")
PREFIX_ROW = _row(prefix=">i4", area_code=">i2", nxx=">i2", blocks=">i2")
CONTENT_ROW = _row(prefix=">i4", content=">i8")


Rows = npt.NDArray[np.void]


async def _copy(connection: Connection, query: str, parameter: object, row: np.dtype[np.void]) -> Rows:
    async with connection.cursor().copy(query, (parameter,)) as copy:
        data = b"".join([bytes(part) async for part in copy])
    return np.frombuffer(data[COPY_HEADER_BYTES : len(data) - COPY_TRAILER_BYTES], row)


async def held_numbers(connection: Connection, batch_ids: list[int]) -> Rows:
    """Rows of NUMBER_ROW of these stored batches, by number."""
    return await _copy(connection, COPY_NUMBERS, batch_ids, NUMBER_ROW)


async def held_batches(database: Database, user_id: str, task_id: str | None, project_id: str | None) -> Held:
    """The stored batches of a user's task or project, those with numbers; none of another user's."""
    query, name = (OF_TASK, task_id) if task_id else (OF_PROJECT, project_id)
    async with database.connection(0) as connection:
        found = await (await connection.execute(query.encode(), {"user": user_id, "name": name})).fetchall()
    columns = np.array(found, np.int32).reshape(-1, 2)
    return Held(columns[:, 0], columns[:, 1])


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


async def _rows(connection: Connection, version: int, query: str, row: np.dtype[np.void]) -> Rows:
    if not len(rows := await _copy(connection, query, version, row)):
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
