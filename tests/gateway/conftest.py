from collections.abc import AsyncIterator

import pytest

from tests.gateway.harness import Gateway, running_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway without Kafka."""
    async with running_gateway() as one:
        yield one
