"""The prefix data that comes with numberline."""

import asyncio
import csv
import gzip
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from importlib import resources

from numberline import audit
from numberline.database import Connection, partitions_of
from numberline.prefixes import release, versions
from numberline.prefixes.heap import uncollected
from numberline.prefixes.publishing import Publisher
from numberline.prefixes.versions import Origin, Version
from pipeline.prefix_build import PrefixRow, block_bits
from pipeline.prefix_files import own
from pipeline.settings import Settings

SHIPPED = "nanp_blocks_2026-09.csv.gz"


def read_rows(compressed: bytes) -> Iterator[PrefixRow]:
    """The rows of our own CSV format, gzipped; trusted, for it is ours."""
    with gzip.open(io.BytesIO(compressed), "rt", encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if tuple(next(lines)) != own.FORMAT.columns:
            raise ValueError(f"the columns must be {', '.join(own.FORMAT.columns)}")
        for npa, nxx, blocks, country, state, timezone, carrier, line_type in lines:
            yield PrefixRow(npa, int(nxx), block_bits(blocks), country, state, timezone, carrier, line_type)


@uncollected()
def load_shipped(settings: Settings) -> Version:
    """Load the data that comes with numberline, unless it is there or the user has imported other data."""
    compressed = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    digest = hashlib.sha256(compressed).digest()
    with versions.locked(settings, wait=True) as connection:
        known = versions.current(connection)
        if known and (known.origin != versions.SHIPPED or known.sha256 == digest):
            return _kept(settings, connection, known)
        data: dict[str, list[PrefixRow]] = defaultdict(list)
        for row in read_rows(compressed):
            data[row.area_code].append(row)
        before = versions.rows_of(connection, known)
        proposal = release.propose(Origin(versions.SHIPPED, SHIPPED, digest), before, data)
        made = release.release(settings, connection, proposal, lambda _: None)
        details = {"source": made.source, "changes": made.changes}
        asyncio.run(audit.leave(settings, audit.entry("import prefixes", f"version {made.version}", details)))
        return made


def _kept(settings: Settings, connection: Connection, version: Version) -> Version:
    """The version that is there, published again should the topic have been lost."""
    publisher = Publisher(settings, partitions_of(connection))
    if asyncio.run(publisher.has_records()):
        release.make_current_again(settings, connection, version)
    else:
        release.publish_again(settings, connection, version)
    return version
