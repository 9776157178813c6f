"""The whole gateway on a real broker."""

import asyncio
import os
import signal
import socket
import sys
import time

import pytest

from embedded import Kafka, Postgres
from gateway.feed import FeedBroken
from gateway.main import Ports, serve
from pipeline.errors import RefusedToStart, SettingsInvalid
from pipeline.settings import Settings
from pipeline.views import task_view
from tests.gateway.events import OTHER_TASK, SECRET, ended, progressed, rejected, started, token
from tests.gateway.harness import connected, http_get, opened
from tests.gateway.process import gateway_settings, serving, until_counted, until_ready, until_says
from tests.gateway.provider import key_server
from tests.gateway.topic import DEADLINE_SECONDS, ProgressTopic
from tests.pipeline.keys import Provider


def settings_of(topic: ProgressTopic) -> Settings:
    return gateway_settings(topic.servers, topic.namespace, database_url=topic.database_url)


async def test_what_is_written_to_kafka_reaches_its_user_in_order(topic: ProgressTopic) -> None:
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway, "ann") as ann, connected(ports.gateway, "bob") as bob:
            topic.write(started(), progressed(2), ended(3, "completed"), rejected())
            topic.write(started(user_id="bob", task_id=OTHER_TASK))
            heard = await ann.receive_until("error")
            assert [one["type"] for one in heard] == ["task_started", "task_progress", "task_completed", "error"]
            assert len({one["position"] for one in heard}) == 4
            assert (await bob.receive())["task_id"] == OTHER_TASK
            assert await ann.before_pong() == await bob.before_pong() == []


async def test_a_burst_of_records_is_whole_for_a_reader_that_keeps_up(topic: ProgressTopic) -> None:
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            topic.write(*(progressed(number, processed_items=number) for number in range(1, 301)))
            heard = [(await client.receive())["processed_items"] for _ in range(300)]
            assert heard == list(range(1, 301))


async def test_a_gateway_that_is_started_again_knows_the_active_tasks(topic: ProgressTopic) -> None:
    topic.write(started(), progressed(2), started(task_id=OTHER_TASK), ended(2, "failed", task_id=OTHER_TASK))
    for _ in range(2):
        async with serving(settings_of(topic)) as ports:
            await until_ready(ports)
            async with connected(ports.gateway) as client:
                await client.send(type="get_active_tasks")
                assert (await client.receive())["tasks"] == [task_view(progressed(2))]


async def test_a_zombies_message_after_a_restart_is_dropped(topic: ProgressTopic) -> None:
    topic.write(started(), ended(3, "completed"))
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            topic.write(progressed(2), started(task_id=OTHER_TASK))
            assert (await client.receive())["task_id"] == OTHER_TASK
            await client.send(type="get_active_tasks")
            assert [task["task_id"] for task in (await client.receive())["tasks"]] == [OTHER_TASK]


async def test_records_that_cannot_be_read_are_counted_and_left_out(
    topic: ProgressTopic, caplog: pytest.LogCaptureFixture
) -> None:
    topic.write(b"", b"\xc3\x01garbage", started())
    broken = ended(2, "failed", task_id=OTHER_TASK, error=None)
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            topic.write(b"{}", rejected(details="no JSON"), broken)
            heard = await client.receive()
            assert (heard["type"], heard["error"], heard["error_message"]) == ("task_failed", None, None)
        await until_counted(
            ports,
            'numberline_progress_records_total{outcome="unreadable"} 4.0',
            'numberline_progress_records_total{outcome="new"} 2.0',
            "numberline_active_tasks 1.0",
        )
    assert f"{topic.name} partition 0 offset 0 cannot be read" in caplog.text


async def test_a_missing_topic_is_waited_for_and_named(
    kafka_server: Kafka, postgres_server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    topic = ProgressTopic(kafka_server.bootstrap_servers, postgres_server.url)
    reason = f"the topic {topic.name} is missing: run `numberline init`"
    async with serving(settings_of(topic)) as ports:
        await until_says(ports, 503, f"{reason}\n")
        assert await http_get(ports.gateway, "/healthz") == (200, "alive\n")
        async with opened(ports.gateway, header=f"Bearer {token()}") as client:
            assert await client.closed() == (1013, f"not ready, try again later: {reason}")
        topic.create()
        await until_ready(ports)
    assert f"{reason}; waiting" in caplog.messages


async def test_a_broker_that_is_away_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        away = f"127.0.0.1:{reserved.getsockname()[1]}"
    async with serving(gateway_settings(away, "away")) as ports:
        await until_says(ports, 503, f"Kafka at {away} does not answer")
        assert await http_get(ports.gateway, "/healthz") == (200, "alive\n")


async def test_a_position_that_is_gone_ends_the_gateway_instead_of_skipping(topic: ProgressTopic) -> None:
    topic.write(*(progressed(number) for number in range(1, 6)))
    ports: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    gateway = asyncio.create_task(serve(settings_of(topic), ready=ports.set_result))
    await until_ready(await ports)
    topic.delete()
    topic.create()
    with pytest.raises(FeedBroken, match=f"the topic {topic.name} cannot be read on without a gap: positions"):
        await asyncio.wait_for(gateway, DEADLINE_SECONDS)


async def test_a_taken_metrics_port_names_the_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RefusedToStart) as refused:
            await serve(gateway_settings("127.0.0.1:1", "any", metrics_port=port))
    assert str(refused.value) == (
        f"port {port} on 127.0.0.1 is taken\nset NUMBERLINE_METRICS_PORT to another, or to 0"
    )


async def test_without_a_secret_no_token_could_be_checked() -> None:
    with pytest.raises(SettingsInvalid, match="NUMBERLINE_AUTH_SECRET must be set"):
        await serve(gateway_settings("127.0.0.1:1", "any", auth_secret=None))


async def test_tokens_of_an_identity_provider_open_a_gateway_that_has_read_its_keys(topic: ProgressTopic) -> None:
    provider = Provider("EdDSA")
    with key_server(b"not yet") as server:
        settings = gateway_settings(
            topic.servers,
            topic.namespace,
            database_url=topic.database_url,
            auth_secret=None,
            auth_jwks_url=server.url,
            auth_audience="numbers",
            auth_issuer="us",
        )
        async with serving(settings) as ports:
            await until_says(ports, 503, f"the identity provider's keys cannot be read from {server.url}")
            server.document = provider.document()
            await until_ready(ports)
            now = int(time.time())
            claims = {"sub": "ann", "iat": now, "exp": now + 60, "aud": "numbers", "iss": "us"}
            async with opened(ports.gateway, header=f"Bearer {provider.token(claims)}") as client:
                assert (await client.receive())["type"] == "connection_established"
            claims["aud"] = "others"
            async with opened(ports.gateway, header=f"Bearer {provider.token(claims)}") as client:
                assert await client.closed() == (4401, "the token is for another audience")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_process_in_order(topic: ProgressTopic, number: signal.Signals) -> None:
    program = (
        "from gateway.main import run; from pipeline.settings import load_settings\n"
        "run(load_settings(), ready=lambda ports: print(ports.gateway, flush=True))"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NUMBERLINE_")},
        "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
        "NUMBERLINE_DATABASE_URL": topic.database_url,
        "NUMBERLINE_NAMESPACE": topic.namespace,
        "NUMBERLINE_GATEWAY_PORT": "0",
        "NUMBERLINE_HTTP_PORT": "0",
        "NUMBERLINE_METRICS_PORT": "0",
        "NUMBERLINE_AUTH_SECRET": SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", program, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), DEADLINE_SECONDS))
        await until_ready(Ports(port, 0, 0))
        async with connected(port) as client:
            began = time.monotonic()
            process.send_signal(number)
            assert (await client.closed())[0] == 1001
            assert await asyncio.wait_for(process.wait(), DEADLINE_SECONDS) == 0
            assert time.monotonic() - began < 4  # promised: 2 s
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
