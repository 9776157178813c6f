"""A real broker and a real database, started once a test session."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Kafka, Postgres


@pytest.fixture(scope="session")
def server_state_dir() -> Iterator[Path]:
    """A directory for the session's servers, removed at its end: pytest would keep three of its own."""
    with tempfile.TemporaryDirectory(prefix="numberline-test-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def kafka_server(server_state_dir: Path) -> Iterator[Kafka]:
    """A running broker that all tests share: each makes topics and groups of its own."""
    with Kafka(server_state_dir) as kafka:
        yield kafka


@pytest.fixture(scope="session")
def postgres_server(server_state_dir: Path) -> Iterator[Postgres]:
    """A running database server that all tests share: each makes a database of its own."""
    with Postgres(server_state_dir) as postgres:
        yield postgres
