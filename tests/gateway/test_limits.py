"""Limits: what one client, one user and one address may have, and what happens to one who takes more."""

import asyncio
import contextlib
from typing import Any

import pytest

from gateway.buckets import Bucket
from gateway.limits import LimitReached, Limits
from pipeline.settings import Settings
from tests.gateway.events import OTHER_TASK, started, token
from tests.gateway.harness import PATIENCE_SECONDS, Client, Gateway, connected, opened, running_gateway
from tests.samples import TASK


def test_a_bucket_gives_so_many_at_once_and_as_many_again_within_a_minute() -> None:
    bucket = Bucket(60, 100.0)
    assert [bucket.take(100.0) for _ in range(61)] == [True] * 60 + [False]
    assert [bucket.take(102.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1000.0) for _ in range(61)] == [True] * 60 + [False]


def test_a_bucket_of_a_user_is_not_filled_by_connecting_again() -> None:
    limits = Limits(Settings(messages_per_minute=10, messages_per_minute_of_user=10))
    for _ in range(10):
        limits.check_frame(limits.bucket(5.0), "a", "ann", 5.0)
    with pytest.raises(LimitReached, match="too many messages of this user"):
        limits.check_frame(limits.bucket(5.0), "b", "ann", 5.0)
    limits.check_frame(limits.bucket(5.0), "b", "bob", 5.0)


def test_a_tcp_connection_too_many_is_cut_unless_it_is_a_proxys() -> None:
    limits = Limits(Settings(max_connections_of_address=1, trusted_proxies="10.0.0.0/8"))
    assert [limits.opened("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert limits.opened("192.0.2.2")
    for _ in range(3):
        limits.lost("192.0.2.1")
    assert limits.opened("192.0.2.1")
    assert all(limits.opened("10.1.2.3") for _ in range(9))


async def closed_with(client: Client, code: int, reason: str) -> None:
    assert await client.closed() == (code, reason)


def limit_metric(gateway: Gateway, limit: str) -> float | None:
    return gateway.metric("numberline_websocket_limits_reached_total", limit=limit)


@pytest.mark.parametrize(
    ("setting", "limit", "reason"),
    [
        ("max_connections", "connections", "this gateway holds as many connections as it may"),
        ("max_connections_of_address", "connections_address", "as many connections as one address may have"),
        ("max_connections_of_user", "connections_user", "as many connections as one user may have"),
    ],
)
async def test_a_connection_too_many_is_closed_with_4429(setting: str, limit: str, reason: str) -> None:
    settings: dict[str, Any] = {setting: 2}
    async with running_gateway(**settings) as gateway:
        async with connected(gateway.port), connected(gateway.port) as second:
            async with opened(gateway.port, header=f"Bearer {token()}") as client:
                await closed_with(client, 4429, reason)
            assert limit_metric(gateway, limit) == 1
            assert await second.before_pong() == []  # nobody else feels it
            await second.socket.close()
        async with connected(gateway.port):  # and a place that is free is free
            pass


async def test_one_who_is_not_authenticated_counts_for_the_address() -> None:
    async with (
        running_gateway(max_connections_of_address=1) as gateway,
        opened(gateway.port),
        opened(gateway.port, header=f"Bearer {token()}") as client,
    ):
        await closed_with(client, 4429, "as many connections as one address may have")


async def test_an_operator_counts_as_himself_and_not_as_whom_he_watches() -> None:
    async with running_gateway(max_connections_of_user=1) as gateway:
        header = f"Bearer {token('op', scopes=['numberline:operator'])}"
        async with connected(gateway.port), opened(gateway.port, header=header) as client:
            assert (await client.receive())["type"] == "connection_established"


@pytest.mark.parametrize(
    ("setting", "limit", "reason"),
    [
        ("messages_per_minute", "messages", "too many messages on this connection"),
        ("messages_per_minute_of_user", "messages_user", "too many messages of this user"),
        ("messages_per_minute_of_address", "messages_address", "too many messages from this address"),
    ],
)
async def test_a_message_too_many_is_closed_with_4429(setting: str, limit: str, reason: str) -> None:
    settings: dict[str, Any] = {setting: 10}
    async with running_gateway(**settings) as gateway, connected(gateway.port) as client:
        for _ in range(50):
            with contextlib.suppress(Exception):
                await client.send(type="ping")
        await closed_with(client, 4429, reason)
        await until(lambda: limit_metric(gateway, limit) == 1)
        await gateway.counts(1, "numberline_websocket_closes_total", code="4429")


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_pings_of_the_protocol_count_too_so_that_their_answers_do_not_pile_up() -> None:
    async with running_gateway(messages_per_minute=20) as gateway, connected(gateway.port, max_queue=1) as client:
        for number in range(50):
            with contextlib.suppress(Exception):
                await client.socket.ping(b"%d" % number)
        await closed_with(client, 4429, "too many messages on this connection")


async def test_a_subscription_too_many_is_closed_with_4429() -> None:
    async with running_gateway(max_subscriptions=1) as gateway:
        gateway.publish(started(), started(task_id=OTHER_TASK))
        async with connected(gateway.port) as client:
            for _ in range(2):  # the same again is no more than before
                await client.send(type="subscribe_task", task_id=TASK)
                assert (await client.receive())["type"] == "subscribed"
            await client.send(type="subscribe_task", task_id=OTHER_TASK)
            await closed_with(client, 4429, "too many subscriptions on this connection")
        await until(lambda: limit_metric(gateway, "subscriptions") == 1)


async def test_a_client_behind_a_trusted_proxy_is_counted_by_its_own_address() -> None:
    async with running_gateway(max_connections_of_address=1, trusted_proxies="127.0.0.1") as gateway:
        headers = [
            {"Authorization": f"Bearer {token()}", "X-Forwarded-For": f"{claimed}, 192.0.2.{number}"}
            for claimed, number in (("x", 1), ("x", 2), ("203.0.113.9", 1))
        ]
        async with (
            opened(gateway.port, additional_headers=headers[0]) as first,
            opened(gateway.port, additional_headers=headers[1]) as second,
            opened(gateway.port, additional_headers=headers[2]) as third,
        ):
            assert (await first.receive())["type"] == (await second.receive())["type"] == "connection_established"
            await closed_with(third, 4429, "as many connections as one address may have")
