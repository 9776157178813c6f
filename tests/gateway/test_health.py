"""`/readyz` while servers go and come again: a broker and a database of this test alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Kafka, Postgres
from tests.gateway.events import started
from tests.gateway.harness import connected
from tests.gateway.process import gateway_settings, serving, until_ready, until_says
from tests.gateway.topic import ProgressTopic


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Kafka, Postgres]]:
    """Servers that may be killed."""
    with Kafka(tmp_path) as kafka, Postgres(tmp_path) as postgres:
        yield kafka, postgres


async def test_a_server_that_goes_away_is_named_until_it_is_back(servers: tuple[Kafka, Postgres]) -> None:
    """One, then both, then the other; who is connected stays, and hears what comes afterwards."""
    kafka, postgres = servers
    topic = ProgressTopic(kafka.bootstrap_servers, postgres.url)
    topic.create()
    settings = gateway_settings(topic.servers, topic.namespace, database_url=topic.database_url)
    async with serving(settings) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            postgres.kill()
            await until_says(ports, 503, "PostgreSQL does not answer\n")
            kafka.kill()
            await until_says(ports, 503, "PostgreSQL does not answer; Kafka does not answer\n")
            await asyncio.to_thread(postgres.start)
            await until_says(ports, 503, "Kafka does not answer\n")
            await asyncio.to_thread(kafka.start)
            await until_ready(ports)
            topic.write(started())
            assert (await client.receive())["type"] == "task_started"
