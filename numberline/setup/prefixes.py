"""Loads the shipped prefix data: rows into PostgreSQL, then an event an area code onto the compacted topic."""

import csv
import gzip
import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from pipeline.prefix_build import PrefixRow, block_bits, prefix_events, with_fictional
from schemas import codec, topics
from schemas.events import PrefixCurrent
from schemas.partitions import partition_for

SHIPPED = "nanp_blocks_2026-09.csv.gz"

COPY_PREFIXES = """
COPY prefixes (prefix_id, version, area_code, nxx, blocks, country, state, timezone, carrier, line_type) FROM STDIN
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
        for row in csv.DictReader(file):
            yield PrefixRow(
                area_code=row["npa"],
                nxx=int(row["nxx"]),
                blocks=block_bits(row["blocks"]),
                country=row["country"],
                state=row["state"],
                timezone=row["timezone"],
                carrier=row["carrier"],
                line_type=row["line_type"],
            )


async def load_shipped(database_url: str, bootstrap_servers: str, namespace: str, partitions: int) -> Version:
    """Load the data that comes with numberline, unless it is there. Rows come first, `current` last."""
    compressed = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    digest = hashlib.sha256(compressed).digest()
    known = _known_version(database_url, digest)
    if known and known.published and await _topic_has_records(bootstrap_servers, namespace, partitions):
        return known
    by_area_code = with_fictional(read_rows(compressed))
    version = known or _insert(database_url, digest, by_area_code)
    await _publish(version, by_area_code, bootstrap_servers, namespace, partitions)
    with psycopg.connect(database_url) as connection:
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


def _insert(database_url: str, digest: bytes, by_area_code: dict[str, list[PrefixRow]]) -> Version:
    rows = sum(len(found) for found in by_area_code.values())
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE prefix_versions IN EXCLUSIVE MODE")
        made = connection.execute(
            """
            INSERT INTO prefix_versions (version, source, sha256, first_prefix_id, rows)
            SELECT coalesce(max(version), 0) + 1, %s, %s, coalesce(max(first_prefix_id + rows), 1), %s
            FROM prefix_versions RETURNING version, first_prefix_id
            """,
            (SHIPPED, digest, rows),
        ).fetchone()
        assert made is not None
        version, prefix_id = made
        with connection.cursor().copy(COPY_PREFIXES) as copy:
            for area_code, found in by_area_code.items():
                for row in found:
                    place = (row.country or None, row.state or None, row.timezone or None)
                    holder = (row.carrier or None, row.line_type or None)
                    copy.write_row((prefix_id, version, int(area_code), row.nxx, row.blocks, *place, *holder))
                    prefix_id += 1
        connection.execute("ANALYZE prefixes")
    return Version(version, made[1], rows, published=False)


async def _topic_has_records(bootstrap_servers: str, namespace: str, partitions: int) -> bool:
    name = topics.topic_name(namespace, topics.PREFIXES)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(name, number) for number in range(partitions)])
    finally:
        await consumer.stop()
    return any(ends.values())


async def _publish(
    version: Version,
    by_area_code: dict[str, list[PrefixRow]],
    bootstrap_servers: str,
    namespace: str,
    partitions: int,
) -> None:
    name = topics.topic_name(namespace, topics.PREFIXES)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
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
                partition=partition_for(event.area_code, partitions),
            )
            for event in prefix_events(by_area_code, version.version, version.first_prefix_id)
        ]
        for acknowledged in sent:
            await acknowledged
        current = PrefixCurrent(
            version.version, SHIPPED, version.rows, tuple(by_area_code), int(time.time() * 1000)
        )
        await producer.send_and_wait(name, codec.encode(current), b"current", partition=0)
    finally:
        await producer.stop()
