import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation

MakeClient = Callable[[str], httpx.Client]


def client_of(installation: Installation, user: str) -> httpx.Client:
    """A client of a user, with a good token."""
    token = sign(TokenRules.of(installation.settings), user, time.time())
    return httpx.Client(
        base_url=f"http://127.0.0.1:{installation.settings.http_port}",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )


@pytest.fixture
def client(installation: Installation) -> Iterator[MakeClient]:
    """Makes the client of a user, with a good token."""
    made: list[httpx.Client] = []

    def make(user: str) -> httpx.Client:
        made.append(client_of(installation, user))
        return made[-1]

    yield make
    for one in made:
        one.close()
