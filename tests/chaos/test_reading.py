"""The reader takes what any producer may send."""

import asyncio
import uuid
from pathlib import Path

from chaos.reading import Reader
from embedded import Kafka, Postgres
from numberline.setup import topics
from schemas.topics import DEADLETTERS, topic_name
from tests.fix_installation import PARTITIONS, make_installation
from tests.hostile_headers import send_with_header


def test_a_header_that_is_no_utf_8_stops_nobody(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    """The record is there, its headers are not."""
    made = make_installation(kafka_server, postgres_server, tmp_path, f"reading-{uuid.uuid4().hex[:8]}")
    servers, namespace = kafka_server.bootstrap_servers, made.settings.namespace
    asyncio.run(topics.create_topics(servers, namespace, PARTITIONS, 1))
    asyncio.run(send_with_header(servers, topic_name(namespace, DEADLETTERS), b"hostile", b"\xff\xfe"))
    ((topic, entry),) = Reader(made.settings).new_entries()
    assert (topic, entry.value, entry.headers) == ("deadletters", b"hostile", ())
