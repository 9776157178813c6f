"""Making a version: rows into PostgreSQL, then the topic, then `current`; and deleting versions that are past."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from numberline.database import Connection, partitions_of
from numberline.prefixes import versions
from numberline.prefixes.heap import uncollected
from numberline.prefixes.publishing import Publisher
from numberline.prefixes.versions import Origin, Version
from pipeline.prefix_build import PrefixRow, by_area_codes, with_fictional
from pipeline.prefix_changes import count_blocks, count_changes
from pipeline.settings import Settings

KEPT_AFTER_SUPERSEDED = timedelta(days=30)  # longer than any batch that is planned by a version can wait

Data = Mapping[str, list[PrefixRow]]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Proposal:
    """What may become a version. data: area code -> its rows, without those of fictional numbers."""

    origin: Origin
    data: Data
    counts: dict[str, dict[str, dict[str, int]]]
    changes: dict[str, dict[str, int]]


def propose(origin: Origin, before: Data, data: Data) -> Proposal:
    """What a version would hold, and how it would differ from the one before."""
    data = by_area_codes(row for rows in data.values() for row in rows)
    return Proposal(origin, data, count_blocks(data), count_changes(before, data))


@uncollected()
def release(settings: Settings, connection: Connection, proposal: Proposal, advance: Advance) -> Version:
    """Make it the current version. connection: from `versions.locked`. advance: told of each area code sent.

    Until the last record, `current`, nothing works by it, so wherever this breaks off the data stays as it was.
    """
    known = versions.all_versions(connection)
    data = with_fictional(row for rows in proposal.data.values() for row in rows)
    version = versions.insert(connection, proposal.origin, data, proposal.counts, proposal.changes)
    publisher = Publisher(settings, partitions_of(connection))
    withdrawn = {code for one in known for code in one.area_codes} - set(data)
    asyncio.run(publisher.publish(version, data, sorted(withdrawn), advance))
    versions.mark_published(connection, version)
    asyncio.run(publisher.make_current(version))
    delete_superseded(connection, publisher)
    return version


def make_current_again(settings: Settings, connection: Connection, version: Version) -> None:
    """Say once more which version is current: whoever said it last may have died before."""
    asyncio.run(Publisher(settings, partitions_of(connection)).make_current(version))


def publish_again(settings: Settings, connection: Connection, version: Version) -> None:
    """Send a version whose records are lost, topic and all."""
    publisher = Publisher(settings, partitions_of(connection))
    data = with_fictional(row for rows in versions.rows_of(connection, version).values() for row in rows)
    asyncio.run(publisher.publish(version, data, (), lambda _: None))
    asyncio.run(publisher.make_current(version))


def delete_superseded(connection: Connection, publisher: Publisher) -> None:
    """Take off Kafka what has long been superseded, and what never became current.

    Rows in PostgreSQL stay, for numbers refer to them.
    """
    known = versions.all_versions(connection)
    newest = max(one.version for one in known if one.published_at)
    area_codes = sorted({code for one in known for code in one.area_codes})
    for version in known:
        past = version.superseded_at and version.superseded_at < datetime.now(UTC) - KEPT_AFTER_SUPERSEDED
        abandoned = version.published_at is None and version.version < newest
        if version.deleted_at is None and (past or abandoned):
            asyncio.run(publisher.delete(version, area_codes))
            versions.mark_deleted(connection, version)
