from collections.abc import AsyncIterator, Iterator

import pytest

from embedded import Kafka, Postgres
from tests.fix_installation import Installation
from tests.gateway.harness import Gateway, running_gateway
from tests.gateway.topic import ProgressTopic
from tests.processes import Process


@pytest.fixture
def topic(kafka_server: Kafka, postgres_server: Postgres) -> ProgressTopic:
    """A progress topic of this test alone."""
    made = ProgressTopic(kafka_server.bootstrap_servers, postgres_server.url)
    made.create()
    return made


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway without Kafka."""
    async with running_gateway() as one:
        yield one


@pytest.fixture(scope="session")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of API and page."""
    with installation.worker("api") as process:
        yield process
