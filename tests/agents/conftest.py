"""What the tests of agents share: a migrated database each, metrics, installations on the broker."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from agents.delivery import Delivery
from embedded import Postgres
from numberline.setup.database import upgrade
from pipeline.metrics import WorkerMetrics
from tests.agents.sending import PARTITIONS, Producer

_numbers = itertools.count(1)


@pytest.fixture
def metrics() -> WorkerMetrics:
    """The metrics of one worker."""
    return WorkerMetrics(CollectorRegistry())


@pytest.fixture
def producer() -> Producer:
    """One that the test controls."""
    return Producer()


@pytest.fixture
def delivery(producer: Producer, metrics: WorkerMetrics) -> Delivery:
    """A delivery of eight partitions and a deadline that no test waits for."""
    return Delivery(producer, "test", PARTITIONS, 60, metrics)


@pytest.fixture
def namespace() -> str:
    """The namespace of an installation of this test's own."""
    return f"agents-{next(_numbers)}"


@pytest.fixture(scope="session")
def migrated_database(postgres_server: Postgres) -> str:
    """Name of a database with all tables and no rows, to be copied."""
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE agents_template")
    upgrade(postgres_server.database_url("agents_template"))
    return "agents_template"


@pytest.fixture
def database_url(postgres_server: Postgres, migrated_database: str) -> Iterator[str]:
    """A database with all tables, this test's own."""
    name = f"agents_{next(_numbers)}"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_database}")
        yield postgres_server.database_url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
