"""Who may come in, and by which code everybody else is sent away."""

import time

import pytest

from gateway import handshake
from pipeline.tokens import TokenRules
from tests.gateway.events import started, token
from tests.gateway.harness import Gateway, connected, opened, running_gateway


async def test_a_token_in_the_header_opens_the_users_channel(gateway: Gateway) -> None:
    async with opened(gateway.port, header=f"Bearer {token()}") as client:
        message = await client.receive()
        assert message.pop("timestamp").endswith("Z")
        assert message == {
            "type": "connection_established",
            "user_id": "ann",
            "channel": "tasks",
            "position": "0--1-00000000",
            "expires_at": message["expires_at"],
        }


async def test_a_token_in_the_first_message_opens_it_too(gateway: Gateway) -> None:
    async with opened(gateway.port) as client:
        await client.send(type="authenticate", token=token())
        assert (await client.receive())["type"] == "connection_established"
        assert gateway.metric("numberline_websocket_connections") == 1


async def test_nothing_is_sent_before_authentication(gateway: Gateway) -> None:
    async with opened(gateway.port) as client:
        gateway.publish(started())
        await client.send(type="authenticate", token=token())
        assert (await client.receive())["type"] == "connection_established"
        assert await client.before_pong() == []


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Bearer not.a.token", "the token is not valid: "),
        (f"Bearer {token(issued_at=time.time() - 7200)}", "the token has expired"),
        (
            f"Bearer {token(rules=TokenRules('another secret, as long as ours is'))}",
            "the token is not valid: ",
        ),
        (f"Basic {token()}", "the authorization header must be: Bearer TOKEN"),
        ("Bearer ", "the authorization header must be: Bearer TOKEN"),
    ],
)
async def test_a_header_that_proves_nothing_is_closed_with_4401(gateway: Gateway, header: str, reason: str) -> None:
    async with opened(gateway.port, header=header) as client:
        code, said = await client.closed()
    assert code == 4401
    assert said is not None
    assert said.startswith(reason)
    failures = "numberline_authentication_failures_total"
    assert gateway.metric(failures, reason="not_authenticated") == 1


async def test_every_close_is_counted_by_its_code() -> None:
    async with running_gateway() as gateway:
        async with opened(gateway.port, header="Bearer x") as client:
            await client.closed()
        async with connected(gateway.port) as client:
            await client.socket.close(4999)  # a client may choose: the label may not
    assert gateway.metric("numberline_websocket_closes_total", code="4401") == 1
    assert gateway.metric("numberline_websocket_closes_total", code="other") == 1


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ('{"type": "ping"}', "the first message must be authenticate, with a token"),
        ("hello", "the first message must be authenticate: message must be a JSON object"),
        (b"\0", "the first message must be authenticate: message must be a text frame that holds a JSON object"),
        ('{"type": "authenticate"}', "the first message must be authenticate: token is missing: it must be a JWT"),
        ('{"type": "authenticate", "token": 1}', "the first message must be authenticate: token must be a JWT"),
        ('{"type": "authenticate", "token": "x"}', "the token is not valid: Not enough segments"),
    ],
)
async def test_a_first_message_that_proves_nothing_is_closed_with_4401(
    gateway: Gateway, first: str | bytes, reason: str
) -> None:
    async with opened(gateway.port) as client:
        await client.socket.send(first)
        code, said = await client.closed()
    assert code == 4401
    assert said is not None
    assert said.startswith(reason)


@pytest.mark.parametrize("by_header", [True, False])
async def test_another_users_channel_is_closed_with_4403(gateway: Gateway, by_header: bool) -> None:
    header = f"Bearer {token('bob')}" if by_header else None
    async with opened(gateway.port, header=header) as client:
        if not by_header:
            await client.send(type="authenticate", token=token("bob"))
        assert await client.closed() == (4403, "the token is another user's")
    assert gateway.metric("numberline_authentication_failures_total", reason="wrong_user") == 1


async def test_an_authorization_header_given_twice_proves_nothing(gateway: Gateway) -> None:
    headers = [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token('bob')}")]
    async with opened(gateway.port, additional_headers=headers) as client:
        assert await client.closed() == (4401, "the authorization header must be given once")


async def test_an_operator_may_read_another_users_channel(gateway: Gateway) -> None:
    header = f"Bearer {token('operator', scopes=['numberline:operator'])}"
    async with opened(gateway.port, header=header) as client:
        assert (await client.receive())["user_id"] == "ann"
        gateway.publish(started())
        assert [one["type"] for one in await client.before_pong()] == ["task_started"]
    (record,) = gateway.audited
    assert (record.actor, record.action, record.subject) == ("operator:operator", "read", "ann")
    assert record.details == '{"what": "/ws/tasks/ann/"}'


async def test_an_operator_sees_nothing_that_cannot_be_put_on_record(gateway: Gateway) -> None:
    gateway.audit_away = True
    header = f"Bearer {token('operator', scopes=['numberline:operator'])}"
    async with opened(gateway.port, header=header) as client:
        assert await client.closed() == (1013, "the audit record cannot be written; try again later")
    async with connected(gateway.port):
        pass  # one's own tasks need no record


async def test_a_token_for_one_request_on_kafka_opens_nothing(gateway: Gateway) -> None:
    async with opened(gateway.port, header=f"Bearer {token(body=b'{}')}") as client:
        assert await client.closed() == (4401, "the token authorizes one request on Kafka and nothing else")


async def test_silence_is_closed_with_4408(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "FIRST_MESSAGE_SECONDS", 0.1)
    async with opened(gateway.port) as client:
        assert await client.closed() == (4408, "no authenticate message within 0.1 s")


async def test_one_connection_too_many_is_closed_with_4429_and_a_free_place_is_given_again() -> None:
    async with running_gateway(max_connections=1) as gateway:
        async with connected(gateway.port), opened(gateway.port, header=f"Bearer {token()}") as second:
            code, reason = await second.closed()
            assert (code, reason) == (4429, "this gateway holds as many connections as it may")
        async with connected(gateway.port) as third:
            assert await third.before_pong() == []


async def test_a_gateway_that_still_reads_closes_with_1013(gateway: Gateway) -> None:
    gateway.not_ready = "still reading"
    async with opened(gateway.port, header=f"Bearer {token()}") as client:
        assert await client.closed() == (1013, "not ready, try again later: still reading")
    gateway.not_ready = None
    async with connected(gateway.port):
        pass


async def test_no_token_is_ever_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("INFO", "websockets.client")
    good, bad = token(), token(rules=TokenRules("another secret, as long as the true one"))
    async with connected(gateway.port):
        pass
    async with opened(gateway.port, header=f"Bearer {bad}") as client:
        _, reason = await client.closed()
    async with opened(gateway.port) as client:
        await client.send(type="authenticate", token=good)
        await client.receive()
    assert reason is not None
    for secret in (good, bad):
        assert secret not in caplog.text
        assert secret.rpartition(".")[2] not in reason
