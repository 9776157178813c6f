"""The prefix data that a list on this machine is judged by: an installation's, or what comes with numberline."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

import psycopg

from numberline.database import database
from numberline.errors import NotReachable
from numberline.prefixes.shipped import SHIPPED, read_rows
from pipeline.errors import NumberlineError
from pipeline.holders import COLUMNS, Holders, Row
from pipeline.prefix_build import with_fictional
from pipeline.settings import Settings

CURRENT = "SELECT max(version) FROM prefix_versions WHERE published_at IS NOT NULL"
SELECT_PREFIXES = f"""
SELECT area_code, nxx, blocks, {", ".join(f"coalesce({name}, '')" for name in COLUMNS)}
FROM prefixes WHERE version = %s
"""
FETCH_ROWS = 20_000


def installed_holders(settings: Settings) -> Holders:
    """The version that an installation plans by.  Raises NotReachable, NumberlineError where it has none."""
    try:
        with database(settings) as connection:
            row = connection.execute(CURRENT).fetchone()
            if row is None or row[0] is None:
                raise NumberlineError("this installation has no prefix data yet: run `numberline init`")
            return Holders.of(str(row[0]), _rows(connection, row[0]))
    except NotReachable as error:
        remedy = f"{error.remedy}\nOr judge by the data that comes with numberline, without a server: --shipped."
        raise NotReachable(error.what, error.why, remedy) from None


def shipped_holders() -> Holders:
    """What comes with numberline, without any server."""
    compressed = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    rows = (
        (int(row.area_code), row.nxx, row.blocks, tuple(str(getattr(row, name)) for name in COLUMNS))
        for found in with_fictional(read_rows(compressed)).values()
        for row in found
    )
    return Holders.of(SHIPPED.partition(".")[0], rows)


def _rows(connection: psycopg.Connection[Any], version: int) -> Iterator[Row]:
    with connection.cursor(name="numberline_prefixes") as cursor:
        cursor.itersize = FETCH_ROWS
        cursor.execute(SELECT_PREFIXES.encode(), (version,))
        for area_code, nxx, blocks, *texts in cursor:
            yield area_code, nxx, blocks, tuple(texts)
