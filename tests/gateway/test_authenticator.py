"""Tokens of an identity provider: its keys are read by HTTP, and nobody waits for it who need not."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway import key_source
from gateway.authenticator import Authenticator, build_authenticator
from gateway.key_source import KeySource
from pipeline.errors import NotAuthenticated, SettingsInvalid
from pipeline.settings import Settings
from pipeline.tokens import TokenRules
from tests.gateway.events import SECRET
from tests.gateway.harness import PATIENCE_SECONDS
from tests.gateway.provider import KeyServer, key_server
from tests.pipeline.keys import Provider

RULES = TokenRules(None, audience="numbers", issuer="us")


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"sub": "ann", "iat": now, "exp": now + 60, "aud": "numbers", "iss": "us", **changes}


@pytest.fixture
def provider() -> Provider:
    return Provider("ES256")


@pytest.fixture
def server(provider: Provider) -> Iterator[KeyServer]:
    with key_server(provider.document()) as one:
        yield one


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_new_key_is_read_when_a_token_names_it_and_not_once_a_token(
    server: KeyServer, provider: Provider
) -> None:
    clock = [100.0]
    source = KeySource(server.url, lambda: clock[0])
    authenticator = Authenticator(RULES, source)
    assert (await authenticator.identify(provider.token(claims()))).user_id == "ann"
    assert server.asked == 1
    rotated = Provider("RS256", key_id="k2")
    server.document = {"keys": [provider.entry(), rotated.entry()]}
    with pytest.raises(NotAuthenticated, match="no key of the identity provider"):
        await authenticator.identify(rotated.token(claims()))
    assert server.asked == 1  # too soon after the first
    clock[0] += key_source.COOL_DOWN_SECONDS
    assert (await authenticator.identify(rotated.token(claims()))).user_id == "ann"
    for _ in range(100):
        with pytest.raises(NotAuthenticated):
            await authenticator.identify(provider.token(claims(), kid="made up"))
    assert server.asked == 2


async def test_many_that_wait_for_a_new_key_cause_one_reading_and_the_loop_goes_on(
    server: KeyServer, provider: Provider
) -> None:
    server.gate.clear()
    authenticator = Authenticator(RULES, KeySource(server.url))
    waiting = [asyncio.create_task(authenticator.identify(provider.token(claims()))) for _ in range(50)]
    await until(lambda: server.asked == 1)
    assert not any(task.done() for task in waiting)  # and this coroutine ran meanwhile
    server.gate.set()
    assert {identity.user_id for identity in await asyncio.gather(*waiting)} == {"ann"}
    assert server.asked == 1


@pytest.mark.parametrize(("status", "document"), [(500, {}), (200, b"no JSON"), (200, {"keys": []}), (200, [])])
async def test_a_provider_that_fails_is_said_and_the_keys_that_are_known_stay(
    server: KeyServer, provider: Provider, status: int, document: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_source, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(key_source, "REFRESH_SECONDS", 0.01)
    good, server.status, server.document = server.document, status, document
    source = KeySource(server.url)
    authenticator = Authenticator(RULES, source)
    running = asyncio.create_task(source.run())
    try:
        await until(lambda: server.asked > 1)
        assert authenticator.waiting_for == f"the identity provider's keys cannot be read from {server.url}"
        server.status, server.document = 200, good
        await until(lambda: authenticator.waiting_for is None)
        server.status, server.document = status, document
        asked = server.asked
        await until(lambda: server.asked > asked + 2)
        assert authenticator.waiting_for is None
        assert (await authenticator.identify(provider.token(claims()))).user_id == "ann"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def settings(**given: Any) -> Settings:
    return Settings(**{"auth_secret": None, **given})


def test_a_gateway_that_could_check_no_token_does_not_start() -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        build_authenticator(settings())
    assert str(invalid.value) == (
        "NUMBERLINE_AUTH_SECRET must be set, or NUMBERLINE_AUTH_JWKS_URL: the gateway checks tokens by it"
    )


def test_a_provider_without_audience_and_issuer_is_an_open_door() -> None:
    with pytest.raises(SettingsInvalid) as invalid:
        build_authenticator(settings(auth_jwks_url="https://login.example/keys", auth_secret=SECRET))
    text = "must be set beside NUMBERLINE_AUTH_JWKS_URL: its keys sign tokens for others as well"
    assert str(invalid.value) == f"NUMBERLINE_AUTH_AUDIENCE {text}\nNUMBERLINE_AUTH_ISSUER {text}"
