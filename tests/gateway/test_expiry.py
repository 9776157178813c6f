"""A token that expires while its connection is open."""

import time
from types import SimpleNamespace

import pytest

from gateway import expiry
from pipeline.tokens import LEEWAY_SECONDS
from tests.gateway.events import started, token
from tests.gateway.harness import Gateway, connected, opened


def short_token(seconds: float, user_id: str = "ann") -> str:
    """One that the gateway takes for so many seconds more."""
    return token(user_id, time.time() - 3600 - LEEWAY_SECONDS + seconds + 1)  # exp is in whole seconds


async def test_a_token_that_expires_is_warned_of_and_then_the_connection_is_closed_with_4401(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "WARN_SECONDS", 1.5)
    async with opened(gateway.port, header=f"Bearer {short_token(3)}") as client:
        first = await client.receive()
        warning = await client.receive()
        assert warning.pop("timestamp") >= first["timestamp"]
        assert warning == {"type": "token_expiring", "expires_at": first["expires_at"]}
        assert await client.closed() == (4401, "the token has expired")


async def test_a_new_token_in_time_keeps_the_connection(gateway: Gateway) -> None:
    async with opened(gateway.port, header=f"Bearer {short_token(3)}") as client:
        await client.receive_until("token_expiring")
        await client.send(type="authenticate", token=token())
        answer = (await client.receive_until("authenticated"))[-1]
        assert answer["user_id"] == "ann"
        async with connected(gateway.port) as other:  # which outlives the first token
            async with opened(gateway.port, header=f"Bearer {short_token(3)}") as witness:
                assert (await witness.closed())[0] == 4401
            gateway.publish(started())
            assert [one["type"] for one in await client.before_pong()] == ["task_started"]
            assert [one["type"] for one in await other.before_pong()] == ["task_started"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [("x", "the token is not valid: Not enough segments"), (token("bob"), "the token is another user's")],
)
async def test_a_bad_new_token_is_refused_and_changes_nothing(gateway: Gateway, given: str, reason: str) -> None:
    async with connected(gateway.port) as client:
        await client.send(type="authenticate", token=given)
        answer = await client.receive()
        assert (answer["type"], answer["code"], answer["message"]) == ("error", "not_authenticated", reason)
        gateway.publish(started())
        assert [one["type"] for one in await client.before_pong()] == ["task_started"]
    assert gateway.metric("numberline_authentication_failures_total", reason="not_renewed") == 1


async def test_a_token_for_ever_is_no_trouble(gateway: Gateway) -> None:
    async with opened(gateway.port, header=f"Bearer {token(lifetime_seconds=2**52)}") as client:
        assert (await client.receive())["expires_at"] == "9999-12-31T23:59:59.000Z"


async def test_the_wall_clock_decides_whenever_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer looks once an hour, or too early where the clock was set back: one warning, and then the end."""
    now, told = [1_000.0], list[str]()
    monkeypatch.setattr(expiry, "time", SimpleNamespace(time=lambda: now[0]))
    watched = expiry.Expiry(1_100.0, lambda: told.append("warned"), lambda: told.append("ended"))
    watched._due()
    assert told == []
    now[0] = 1_100.0 - expiry.WARN_SECONDS
    watched._due()
    watched._due()
    assert told == ["warned"]
    now[0] = 1_100.0
    watched._due()
    assert told == ["warned", "ended"]
    watched.stop()
