import time
from collections.abc import Callable, Iterable, Iterator

import httpx
import pytest

from pipeline.tokens import TokenRules, sign
from tests.fix_installation import Installation

MakeClient = Callable[..., httpx.Client]
OPERATOR = ("numberline:operator",)


def client_of(
    installation: Installation, user: str, scopes: Iterable[str] = (), port: int | None = None
) -> httpx.Client:
    """A client of a user, with a good token; port: of another gateway than the installation's own."""
    token = sign(TokenRules.of(installation.settings), user, time.time(), scopes=scopes)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port or installation.settings.http_port}",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    )


@pytest.fixture
def client(installation: Installation) -> Iterator[MakeClient]:
    """Makes the client of a user, with a good token."""
    made: list[httpx.Client] = []

    def make(user: str, scopes: Iterable[str] = (), port: int | None = None) -> httpx.Client:
        made.append(client_of(installation, user, scopes, port))
        return made[-1]

    yield make
    for one in made:
        one.close()
