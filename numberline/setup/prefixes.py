"""Loads the shipped prefix data: rows into PostgreSQL, then an event an area code onto the compacted topic."""

import csv
import gzip
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.prefix_build import PrefixRow, block_bits, prefix_events, with_fictional
from schemas import codec, topics
from schemas.events import PrefixCurrent
from schemas.partitions import partition_for

SHIPPED = "nanp_blocks_2026-09.csv.gz"
COLUMNS = ("npa", "nxx", "blocks", "country", "state", "timezone", "carrier", "line_type")

COPY_PREFIXES = """
COPY prefixes (prefix_id, version, area_code, nxx, blocks, country, state, timezone, carrier, line_type)
FROM STDIN (FORMAT CSV)
"""


@dataclass(frozen=True)
class Version:
    """A version of the prefix data as PostgreSQL has it."""

    version: int
    first_prefix_id: int
    rows: int
    published: bool


def read_rows(compressed: bytes) -> Iterator[PrefixRow]:
    """The rows of our own CSV format, gzipped."""
    with gzip.open(io.BytesIO(compressed), "rt", encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if tuple(next(lines)) != COLUMNS:
            raise ValueError(f"the columns must be {', '.join(COLUMNS)}")
        for npa, nxx, blocks, country, state, timezone, carrier, line_type in lines:
            yield PrefixRow(npa, int(nxx), block_bits(blocks), country, state, timezone, carrier, line_type)


@dataclass(frozen=True)
class Installation:
    """Where prefix data goes."""

    database_url: str
    bootstrap_servers: str
    namespace: str
    partitions: int


async def load_shipped(installation: Installation) -> Version:
    """Load the data that comes with numberline, unless it is there."""
    compressed = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    digest = hashlib.sha256(compressed).digest()
    return await load(installation, SHIPPED, digest, lambda: read_rows(compressed))


async def load(
    installation: Installation, source: str, digest: bytes, rows: Callable[[], Iterable[PrefixRow]]
) -> Version:
    """Load prefix data, unless a version of this digest is there. Rows come first, `current` last."""
    known = _known_version(installation.database_url, digest)
    if known and known.published and await _topic_has_records(installation):
        return known
    by_area_code = with_fictional(rows())
    version = known or _insert(installation.database_url, source, digest, by_area_code)
    await _publish(installation, version, source, by_area_code)
    with psycopg.connect(installation.database_url) as connection:
        connection.execute("UPDATE prefix_versions SET published_at = now() WHERE version = %s", (version.version,))
    return version


def _known_version(database_url: str, digest: bytes) -> Version | None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            """
            SELECT version, first_prefix_id, rows, published_at IS NOT NULL
            FROM prefix_versions WHERE sha256 = %s
            """,
            (digest,),
        ).fetchone()
    return Version(*row) if row else None


def _insert(database_url: str, source: str, digest: bytes, by_area_code: dict[str, list[PrefixRow]]) -> Version:
    rows = sum(len(found) for found in by_area_code.values())
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE prefix_versions IN EXCLUSIVE MODE")
        made = connection.execute(
            """
            INSERT INTO prefix_versions (version, source, sha256, first_prefix_id, rows)
            SELECT coalesce(max(version), 0) + 1, %s, %s, coalesce(max(first_prefix_id + rows), 1), %s
            FROM prefix_versions RETURNING version, first_prefix_id
            """,
            (source, digest, rows),
        ).fetchone()
        assert made is not None
        version, prefix_id = made
        with connection.cursor().copy(COPY_PREFIXES) as copy:
            for area_code, found in by_area_code.items():
                copy.write(_as_csv(area_code, found, version, prefix_id))
                prefix_id += len(found)
        connection.execute("ANALYZE prefixes")
    return Version(version, made[1], rows, published=False)


def _as_csv(area_code: str, rows: list[PrefixRow], version: int, first_id: int) -> str:
    """Rows for COPY; what is empty is NULL there."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        (
            prefix_id,
            version,
            area_code,
            row.nxx,
            row.blocks,
            row.country,
            row.state,
            row.timezone,
            row.carrier,
            row.line_type,
        )
        for prefix_id, row in enumerate(rows, first_id)
    )
    return text.getvalue()


async def _topic_has_records(installation: Installation) -> bool:
    name = topics.topic_name(installation.namespace, topics.PREFIXES)
    consumer = AIOKafkaConsumer(bootstrap_servers=installation.bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(name, i) for i in range(installation.partitions)])
    finally:
        await consumer.stop()
    return any(ends.values())


async def _publish(
    installation: Installation, version: Version, source: str, by_area_code: dict[str, list[PrefixRow]]
) -> None:
    name = topics.topic_name(installation.namespace, topics.PREFIXES)
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_request_size=topics.PREFIXES.max_message_bytes,
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                name,
                codec.encode(event),
                f"{event.area_code}|{event.version}".encode(),
                partition=partition_for(event.area_code, installation.partitions),
            )
            for event in prefix_events(by_area_code, version.version, version.first_prefix_id)
        ]
        for acknowledged in sent:
            await acknowledged
        now = int(time.time() * 1000)
        current = PrefixCurrent(version.version, source, version.rows, tuple(by_area_code), now)
        await producer.send_and_wait(name, codec.encode(current), b"current", partition=0)
    finally:
        await producer.stop()
