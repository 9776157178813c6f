"""Versions of the prefix data as PostgreSQL has them: rows are added and never changed."""

import contextlib
import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from numberline.database import Connection, database, partitions_of
from numberline.errors import VersionUnknown
from pipeline import numbering
from pipeline.errors import RefusedToStart
from pipeline.prefix_build import PrefixRow
from pipeline.settings import Settings

IMPORT_LOCK = 0x70726566697865  # any fixed number: imports, rollbacks and `numberline init` take turns

SHIPPED, IMPORTED, ROLLED_BACK = "shipped", "import", "rollback"

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
Changes = Mapping[str, Mapping[str, int]]

COPY_PREFIXES = """
COPY prefixes (
    prefix_id, version, area_code, nxx, blocks, country, state, timezone, carrier, line_type, rate_center
) FROM STDIN (FORMAT CSV)
"""

SELECT_VERSIONS = """
SELECT version, origin, source, sha256, as_of, first_prefix_id, rows, area_codes, counts, changes, imported_at,
    published_at, deleted_at,
    min(published_at) OVER (ORDER BY version ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS superseded_at
FROM prefix_versions
"""


@dataclass(frozen=True)
class Origin:
    """Where a version comes from. kind: shipped, import or rollback. as_of: the date of its newest file."""

    kind: str
    source: str
    sha256: bytes
    as_of: date | None = None


@dataclass(frozen=True)
class Version:
    """A version. published_at is None of one whose import did not come to its end: nobody ever used it."""

    version: int
    origin: str
    source: str
    sha256: bytes
    as_of: date | None
    first_prefix_id: int
    rows: int
    area_codes: list[str]
    counts: dict[str, dict[str, dict[str, int]]] = field(repr=False)
    changes: dict[str, dict[str, int]]
    imported_at: datetime
    published_at: datetime | None
    deleted_at: datetime | None
    superseded_at: datetime | None


@contextlib.contextmanager
def locked(settings: Settings, wait: bool = False) -> Iterator[Connection]:
    """A connection for whoever makes a version; nobody else does meanwhile.

    Raises RefusedToStart before `numberline init`, and where somebody does, unless told to wait.
    """
    with database(settings) as connection:
        connection.autocommit = True
        partitions_of(connection)
        if wait:
            connection.execute("SELECT pg_advisory_lock(%s)", (IMPORT_LOCK,))
        elif connection.execute("SELECT pg_try_advisory_lock(%s)", (IMPORT_LOCK,)).fetchone() != (True,):
            raise RefusedToStart("another import is changing the prefix data", "Try again when it has ended.")
        try:
            yield connection
        finally:
            with contextlib.suppress(psycopg.Error):  # a connection that is lost has let go of it
                connection.execute("SELECT pg_advisory_unlock(%s)", (IMPORT_LOCK,))


def all_versions(connection: Connection) -> list[Version]:
    """Every version, oldest first."""
    with connection.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(f"{SELECT_VERSIONS} ORDER BY version").fetchall()


def current(connection: Connection) -> Version | None:
    """The version that new requests are planned by."""
    return next((one for one in reversed(all_versions(connection)) if one.published_at), None)


def published(connection: Connection, number: int) -> Version:
    """A version by its number.  Raises VersionUnknown."""
    versions = {one.version: one for one in all_versions(connection) if one.published_at}
    if number not in versions:
        raise VersionUnknown(number, sorted(versions))
    return versions[number]


def rows_of(connection: Connection, version: Version | None) -> dict[str, list[PrefixRow]]:
    """Area code -> its rows, but for those of fictional numbers; of no version, none."""
    found: dict[str, list[PrefixRow]] = defaultdict(list)
    if version is None:
        return {}
    query = """
        SELECT area_code, nxx, blocks, country, state, timezone, carrier, line_type, rate_center FROM prefixes
        WHERE prefix_id >= %s AND prefix_id < %s ORDER BY prefix_id
    """
    bounds = version.first_prefix_id, version.first_prefix_id + version.rows
    for area_code, nxx, blocks, *texts in connection.execute(query, bounds).fetchall():
        row = PrefixRow(str(area_code), nxx, blocks, *(text or "" for text in texts))
        if row.nxx != numbering.FICTIONAL_NXX or row.carrier:
            found[row.area_code].append(row)
    return dict(found)


def insert(
    connection: Connection, origin: Origin, data: Mapping[str, list[PrefixRow]], counts: Counts, changes: Changes
) -> Version:
    """Add a version, not yet published. data: with the rows of fictional numbers."""
    with connection.transaction():
        _forget_unpublished(connection)
        made = connection.execute(
            """
            INSERT INTO prefix_versions
                (version, origin, source, sha256, as_of, first_prefix_id, rows, area_codes, counts, changes)
            SELECT coalesce(max(version), 0) + 1, %s, %s, %s, %s, coalesce(max(first_prefix_id + rows), 1), %s, %s,
                %s, %s
            FROM prefix_versions RETURNING version, first_prefix_id
            """,
            (
                origin.kind,
                origin.source,
                origin.sha256,
                origin.as_of,
                sum(len(found) for found in data.values()),
                list(data),
                Jsonb(counts),
                Jsonb(changes),
            ),
        ).fetchone()
        assert made is not None
        version, prefix_id = made
        with connection.cursor().copy(COPY_PREFIXES) as copy:
            for found in data.values():
                copy.write(_as_csv(found, version, prefix_id))
                prefix_id += len(found)
        connection.execute("ANALYZE prefixes")
    return next(one for one in all_versions(connection) if one.version == version)


def _forget_unpublished(connection: Connection) -> None:
    """Delete the rows of imports that did not come to their end; no number refers to them."""
    connection.execute(
        """
        DELETE FROM prefixes p USING prefix_versions v
        WHERE v.published_at IS NULL
            AND p.prefix_id >= v.first_prefix_id AND p.prefix_id < v.first_prefix_id + v.rows
        """
    )


def _as_csv(rows: list[PrefixRow], version: int, first_id: int) -> str:
    """Rows for COPY; what is empty is NULL there."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (
            prefix_id,
            version,
            row.area_code,
            row.nxx,
            row.blocks,
            row.country,
            row.state,
            row.timezone,
            row.carrier,
            row.line_type,
            row.rate_center,
        )
        for prefix_id, row in enumerate(rows, first_id)
    )
    return text.getvalue()


def mark_published(connection: Connection, version: Version) -> None:
    """All of it is on Kafka; from now on it is the current one."""
    connection.execute("UPDATE prefix_versions SET published_at = now() WHERE version = %s", (version.version,))


def mark_deleted(connection: Connection, version: Version) -> None:
    """Kafka no longer has it."""
    connection.execute("UPDATE prefix_versions SET deleted_at = now() WHERE version = %s", (version.version,))
