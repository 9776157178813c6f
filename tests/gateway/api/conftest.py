import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation
from tests.processes import Process

MakeClient = Callable[[str], httpx.Client]


@pytest.fixture(scope="session")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of the API."""
    with installation.worker("api") as process:
        yield process


@pytest.fixture
def client(installation: Installation) -> Iterator[MakeClient]:
    """Makes the client of a user, with a good token."""
    made: list[httpx.Client] = []

    def make(user: str) -> httpx.Client:
        token = sign(TokenRules.of(installation.settings), user, time.time())
        made.append(
            httpx.Client(
                base_url=f"http://127.0.0.1:{installation.settings.http_port}",
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=60,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
