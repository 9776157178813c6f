"""What a client hears, and what it gets for what it says."""

import asyncio
import json
from typing import Any

import pytest

from gateway import messages, sender
from pipeline.views import task_view
from schemas.events import TaskError, TaskProgress
from tests.gateway.events import OTHER_TASK, ended, progressed, rejected, started
from tests.gateway.harness import Client, Gateway, connected, position, running_gateway
from tests.samples import TASK

UNKNOWN = "0f6b2a4e-0000-5000-8000-00000000000f"


def sent(event: TaskProgress, offset: int) -> dict[str, Any]:
    """The message of an event, as it must arrive."""
    message = json.loads(messages.task_message(event, position(offset)).text)
    assert isinstance(message, dict)
    return message


async def types(client: Client) -> list[str]:
    return [message["type"] for message in await client.before_pong()]


async def test_every_message_of_a_task_arrives_in_order(gateway: Gateway) -> None:
    life = [started(), progressed(2), progressed(3), ended(4, "completed")]
    async with connected(gateway.port) as client:
        gateway.publish(*life)
        assert await client.before_pong() == [sent(event, i) for i, event in enumerate(life)]
    assert gateway.metric("numberline_websocket_messages_sent_total", type="task_progress") == 2


async def test_a_burst_within_one_turn_is_whole_for_a_reader_that_keeps_up(gateway: Gateway) -> None:
    async with connected(gateway.port) as client:
        assert await types(client) == []
        gateway.publish(started(), *(progressed(number) for number in range(2, 34)))
        assert await types(client) == ["task_started"] + 32 * ["task_progress"]


async def test_two_users_hear_of_their_own_tasks_alone(gateway: Gateway) -> None:
    async with connected(gateway.port, "ann") as ann, connected(gateway.port, "bob") as bob:
        gateway.publish(started(), started(user_id="bob", task_id=OTHER_TASK), rejected())
        assert [(one["type"], one["task_id"]) for one in await ann.before_pong()] == [
            ("task_started", TASK),
            ("error", OTHER_TASK),
        ]
        assert [one["task_id"] for one in await bob.before_pong()] == [OTHER_TASK]


async def test_all_connections_of_a_user_get_each_message(gateway: Gateway) -> None:
    async with connected(gateway.port) as first, connected(gateway.port) as second:
        gateway.publish(started())
        assert await first.before_pong() == await second.before_pong() == [sent(started(), 0)]


async def test_a_connection_that_is_gone_is_forgotten(gateway: Gateway) -> None:
    async with connected(gateway.port), connected(gateway.port) as other:
        await other.socket.close()
        gateway.publish(started())
    async with connected(gateway.port) as client:
        assert await types(client) == []
        assert gateway.metric("numberline_websocket_connections") == 1


async def test_a_late_message_of_a_zombie_is_not_told(gateway: Gateway) -> None:
    async with connected(gateway.port) as client:
        gateway.publish(started(), ended(3, "completed"), progressed(2), started())
        assert await types(client) == ["task_started", "task_completed"]


async def test_the_channel_of_generations_shows_no_other_task(gateway: Gateway) -> None:
    other = started(type="validate", task_id=OTHER_TASK)
    async with connected(gateway.port, channel="phone-generation") as client:
        gateway.publish(started(), other, rejected())
        assert await types(client) == ["task_started", "error"]
        await client.send(type="get_active_tasks")
        assert [task["task_id"] for task in (await client.receive())["tasks"]] == [TASK]
        await client.send(type="subscribe_task", task_id=OTHER_TASK)
        assert (await client.receive())["code"] == "unknown_task"
    async with connected(gateway.port) as client:
        await client.send(type="get_active_tasks")
        assert [task["task_id"] for task in (await client.receive())["tasks"]] == [TASK, OTHER_TASK]


async def test_a_ping_is_answered_by_a_pong(gateway: Gateway) -> None:
    async with connected(gateway.port) as client:
        await client.send(type="ping")
        answer = await client.receive()
        assert set(answer) == {"type", "timestamp"}
        assert answer["type"] == "pong"


async def test_active_tasks_are_those_that_have_not_ended_with_every_field(gateway: Gateway) -> None:
    gateway.publish(started(), started(task_id=OTHER_TASK), started(user_id="bob", task_id=UNKNOWN))
    gateway.publish(progressed(2), ended(2, "cancelled", task_id=OTHER_TASK))
    async with connected(gateway.port) as client:
        await client.send(type="get_active_tasks")
        answer = await client.receive()
        assert set(answer) == {"type", "timestamp", "tasks", "position"}
        assert answer["position"] == str(position(4))
        assert answer["tasks"] == [task_view(progressed(2))]


async def test_a_subscription_leaves_only_that_task_until_the_last_is_given_up(gateway: Gateway) -> None:
    gateway.publish(started(), started(task_id=OTHER_TASK))
    async with connected(gateway.port) as client:
        await client.send(type="subscribe_task", task_id=TASK)
        answer = await client.receive()
        assert answer.pop("timestamp")
        assert answer == {"type": "subscribed", "task_id": TASK}
        gateway.publish(progressed(2), progressed(2, task_id=OTHER_TASK))
        assert [one["task_id"] for one in await client.before_pong()] == [TASK]
        await client.send(type="subscribe_task", task_id=OTHER_TASK)
        await client.send(type="unsubscribe_task", task_id=TASK)
        assert [one["type"] for one in [await client.receive(), await client.receive()]] == [
            "subscribed",
            "unsubscribed",
        ]
        gateway.publish(progressed(3), progressed(3, task_id=OTHER_TASK))
        assert [one["task_id"] for one in await client.before_pong()] == [OTHER_TASK]
        await client.send(type="unsubscribe_task", task_id=OTHER_TASK)
        assert (await client.receive())["type"] == "unsubscribed"
        gateway.publish(progressed(4), progressed(4, task_id=OTHER_TASK))
        assert [one["task_id"] for one in await client.before_pong()] == [TASK, OTHER_TASK]


async def test_an_answer_to_a_request_comes_whatever_is_subscribed(gateway: Gateway) -> None:
    gateway.publish(started())
    async with connected(gateway.port) as client:
        await client.send(type="subscribe_task", task_id=TASK)
        assert (await client.receive())["type"] == "subscribed"
        gateway.publish(rejected())
        assert await types(client) == ["error"]


async def test_a_task_that_has_ended_can_still_be_unsubscribed_from(gateway: Gateway) -> None:
    gateway.publish(started())
    async with connected(gateway.port) as client:
        await client.send(type="subscribe_task", task_id=TASK)
        assert (await client.receive())["type"] == "subscribed"
        gateway.publish(ended(2, "completed"))
        assert await types(client) == ["task_completed"]
        await client.send(type="unsubscribe_task", task_id=TASK)
        assert (await client.receive())["type"] == "unsubscribed"
        await client.send(type="unsubscribe_task", task_id=TASK)
        assert (await client.receive())["code"] == "unknown_task"


@pytest.mark.parametrize("type_", ["subscribe_task", "unsubscribe_task"])
@pytest.mark.parametrize("task_id", [OTHER_TASK, UNKNOWN])
async def test_another_users_task_is_as_unknown_as_none(gateway: Gateway, type_: str, task_id: str) -> None:
    gateway.publish(started(), started(user_id="bob", task_id=OTHER_TASK))
    async with connected(gateway.port) as client:
        await client.send(type=type_, task_id=task_id)
        answer = await client.receive()
        assert answer.pop("timestamp")
        assert answer == {
            "type": "error",
            "code": "unknown_task",
            "message": "you have no such active task",
            "request_id": None,
            "task_id": task_id,
            "details": {},
        }
        gateway.publish(progressed(2))
        assert await types(client) == ["task_progress"]


@pytest.mark.parametrize(
    ("frame", "field"),
    [("{", "message"), ("[1]", "message"), (b"\xff\x00", "message"), ('{"type": "no"}', "type")],
)
async def test_garbage_is_answered_by_its_rule_and_the_connection_stays(
    gateway: Gateway, frame: str | bytes, field: str
) -> None:
    async with connected(gateway.port) as client:
        await client.socket.send(frame)
        answer = await client.receive()
        assert (answer["type"], answer["code"], answer["task_id"]) == ("error", "invalid_message", None)
        (broken,) = answer["details"]["errors"]
        assert broken["field"] == field
        assert answer["message"] == f"{field} {broken['message']}"
        assert await types(client) == []
    assert gateway.metric("numberline_websocket_messages_received_total", type="invalid") == 1


def large(number: int) -> TaskProgress:
    """A progress event whose message has 40 KB, so that few fill a socket's buffers."""
    return progressed(number, current_step="x" * 40_000)


def failed(number: int) -> TaskProgress:
    """The end of one of many tasks, as large."""
    error = TaskError("capacity_exhausted", "x" * 20_000)
    return ended(1, "failed", task_id=f"0f6b2a4e-0000-5000-8000-{number:012d}", error=error)


async def test_a_slow_reader_gets_the_newest_progress_and_the_end_and_delays_nobody(gateway: Gateway) -> None:
    async with connected(gateway.port, max_queue=1) as slow, connected(gateway.port) as quick:
        gateway.publish(started())
        for number in range(2, 502):
            gateway.publish(large(number))
            assert (await quick.receive_until("task_progress"))[-1]["position"] == str(position(number - 1))
        gateway.publish(ended(502, "completed"))
        heard = await slow.receive_until("task_completed")
    positions = [int(message["position"].split("-")[1]) for message in heard]
    assert heard[0]["type"] == "task_started"
    assert positions == sorted(set(positions))
    assert positions[-2:] == [500, 501]
    assert len(heard) < 502
    await gateway.counts(502 - len(heard), "numberline_progress_coalesced_total")
    assert gateway.metric("numberline_websocket_slow_readers_total")


async def test_a_reader_too_slow_for_what_may_not_be_dropped_is_closed_with_1013(gateway: Gateway) -> None:
    async with connected(gateway.port, max_queue=1) as slow, connected(gateway.port) as quick:
        for number in range(500):
            gateway.publish(failed(number))
            assert (await quick.receive())["task_id"].endswith(f"{number:012d}")
        assert await slow.closed() == (1013, "you read too slowly; connect again")
        await gateway.counts(1, "numberline_websocket_closes_total", code="1013")
        gateway.publish(started(sequence=2))
        assert await types(quick) == ["task_started"]


async def test_a_reader_that_takes_nothing_for_long_is_closed_with_1013(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "STALLED_SECONDS", 0.2)
    async with connected(gateway.port, max_queue=1) as slow, connected(gateway.port) as quick:
        for number in range(2, 402):
            gateway.publish(large(number))
            await quick.receive()
        await asyncio.sleep(0.4)
        assert await slow.closed() == (1013, "you stopped reading; connect again")


async def test_one_who_does_not_read_cannot_hold_up_the_end() -> None:
    async with running_gateway() as gateway:
        slow, quick = connected(gateway.port, max_queue=1), connected(gateway.port)
        clients = [await slow.__aenter__(), await quick.__aenter__()]
        for number in range(2, 402):
            gateway.publish(large(number))
            await clients[1].receive()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4  # promised: 2 s
    assert (await clients[1].closed())[0] == 1001
    for client in clients:
        client.socket.transport.abort()


async def test_one_who_asks_without_reading_waits_for_his_answers_and_gets_all() -> None:
    async with (
        running_gateway(messages_per_minute=1000) as gateway,
        connected(gateway.port, max_queue=1) as client,
        connected(gateway.port) as quick,
    ):
        gateway.publish(started(), large(2))
        for one in (client, quick):
            assert await types(one) == ["task_started", "task_progress"]
        for _ in range(400):
            await client.send(type="get_active_tasks")
        assert await types(quick) == []
        for _ in range(400):
            assert (await client.receive())["type"] == "active_tasks"
