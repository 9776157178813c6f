from collections.abc import AsyncIterator, Iterator

import pytest

from tests.fix_installation import Installation
from tests.gateway.harness import Gateway, running_gateway
from tests.processes import Process


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
