"""The running system that the documents speak of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import Kafka, Postgres
from numberline.setup.init import init
from tests.fix_installation import Installation, make_installation


@pytest.fixture(scope="package")
def system(kafka_server: Kafka, postgres_server: Postgres, server_state_dir: Path) -> Iterator[Installation]:
    """One for all documents, under the usual name; not the other tests': documents change what it gives out."""
    directory = server_state_dir / "documents"
    directory.mkdir()
    made = make_installation(kafka_server, postgres_server, directory, "numberline")
    init(made.settings, lambda text: None)
    with made.gateway(), made.worker("documents"):
        yield made
