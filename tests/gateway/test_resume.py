"""resume, from memory: what comes after a position, once each, or that it is expired."""

from typing import Any

import pytest

from gateway import stream
from gateway.positions import Position
from pipeline.views import task_view
from tests.gateway.events import OTHER_TASK, ended, progressed, rejected, started, token
from tests.gateway.harness import Client, Gateway, connected, opened, position


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's first message comes in time however busy the machine is."""
    monkeypatch.setattr(stream, "HOLD_SECONDS", 20.0)


async def resume(client: Client, at: object) -> list[dict[str, Any]]:
    """All that the gateway says to this, `resumed` or `error` first."""
    await client.send(type="resume", position=str(at))
    first = await client.receive_until("resumed")
    assert first[-1]["position"] == str(at)
    return [*first[:-1], *await client.before_pong()]


def offsets(heard: list[dict[str, Any]]) -> list[int]:
    return [int(message["position"].split("-")[1]) for message in heard]


async def test_after_a_position_comes_all_that_is_the_users_and_then_what_is_new(gateway: Gateway) -> None:
    gateway.publish(started(), progressed(2), started(user_id="bob", task_id=OTHER_TASK), rejected(), progressed(3))
    async with connected(gateway.port) as client:
        assert offsets(await resume(client, position(0))) == [1, 3, 4]
        gateway.publish(progressed(4))
        assert offsets(await client.before_pong()) == [5]


async def test_what_comes_before_the_first_message_is_told_once_by_whatever_way(gateway: Gateway) -> None:
    gateway.publish(started(), progressed(2))
    async with connected(gateway.port) as client, connected(gateway.port) as other:
        gateway.publish(progressed(3))
        assert offsets(await resume(client, position(0))) == [1, 2]
        assert offsets(await other.before_pong()) == [2]


async def test_the_position_of_a_connection_without_messages_misses_nothing(gateway: Gateway) -> None:
    gateway.publish(started())
    async with opened(gateway.port, header=f"Bearer {token()}") as client:
        at = (await client.receive())["position"]
    gateway.publish(progressed(2), progressed(3))
    async with connected(gateway.port) as client:
        assert offsets(await resume(client, at)) == [1, 2]


async def test_before_the_first_record_there_is_a_position_too(gateway: Gateway) -> None:
    async with opened(gateway.port, header=f"Bearer {token()}") as client:
        at = (await client.receive())["position"]
    gateway.publish(started(), progressed(2))
    async with connected(gateway.port) as client:
        assert offsets(await resume(client, at)) == [0, 1]


async def test_a_snapshot_has_the_position_that_it_is_of(gateway: Gateway) -> None:
    gateway.publish(started(), progressed(2))
    async with connected(gateway.port) as client:
        await client.send(type="get_active_tasks")
        at = (await client.receive())["position"]
    gateway.publish(progressed(3))
    async with connected(gateway.port) as client:
        assert offsets(await resume(client, at)) == [2]


async def test_a_repetition_is_no_more_told_then_than_it_was_before(gateway: Gateway) -> None:
    gateway.publish(started(), progressed(3), progressed(2), started(), ended(4, "completed"), progressed(3))
    async with connected(gateway.port) as client:
        assert offsets(await resume(client, position(0))) == [1, 4]


async def test_resuming_later_tells_again_from_there_and_marks_where(gateway: Gateway) -> None:
    async with connected(gateway.port) as client:
        assert await client.before_pong() == []
        gateway.publish(started(), progressed(2), progressed(3))
        assert offsets(await client.before_pong()) == [0, 1, 2]
        assert offsets(await resume(client, position(1))) == [2]
        gateway.publish(progressed(4))
        assert offsets(await client.before_pong()) == [3]


async def test_a_channel_and_a_subscription_hold_for_what_is_told_again(gateway: Gateway) -> None:
    gateway.publish(started(), started(type="validate", task_id=OTHER_TASK), progressed(2))
    async with connected(gateway.port, channel="phone-generation") as client:
        assert offsets(await resume(client, Position(0, -1, 0))) == [0, 2]
    async with connected(gateway.port) as client:
        await client.send(type="subscribe_task", task_id=OTHER_TASK)
        assert (await client.receive())["type"] == "subscribed"
        assert offsets(await resume(client, Position(0, -1, 0))) == [1]


async def test_many_messages_come_all_to_one_who_reads_slowly(gateway: Gateway) -> None:
    gateway.publish(*(progressed(number, current_step="x" * 20_000) for number in range(1, 401)))
    async with connected(gateway.port, max_queue=1) as slow, connected(gateway.port) as quick:
        for client in (slow, quick):
            await client.send(type="resume", position="0--1-00000000")
        gateway.publish(started(task_id=OTHER_TASK))
        for client in (quick, slow):
            assert offsets((await client.receive_until("task_started"))[1:]) == list(range(401))


@pytest.mark.parametrize("at", [Position(1, 0, 0), Position(7, 3, 1)])
async def test_another_partition_is_expired(gateway: Gateway, at: Position) -> None:
    gateway.publish(started(), ended(2, "completed"), started(task_id=OTHER_TASK))
    async with connected(gateway.port) as client:
        await client.send(type="resume", position=str(at))
        error, snapshot = await client.receive(), await client.receive()
        assert (error["type"], error["code"], error["task_id"]) == ("error", "position_expired", None)
        assert (snapshot["type"], snapshot["position"]) == ("active_tasks", str(position(2)))
        assert snapshot["tasks"] == [task_view(started(task_id=OTHER_TASK))]
        gateway.publish(progressed(2, task_id=OTHER_TASK))
        assert offsets(await client.before_pong()) == [3]


async def test_what_kafka_would_have_to_tell_while_it_is_away_is_not_told_in_part(gateway: Gateway) -> None:
    gateway.publish(started(), progressed(2))
    async with connected(gateway.port) as client:
        await client.send(type="resume", position=str(Position(0, 0, 1)))
        assert await client.closed() == (1013, "what you missed cannot be read now; try again later")


@pytest.mark.parametrize("text", ["", "0-1", "no position", "0-1-00000000 "])
async def test_what_is_no_position_is_an_invalid_message(gateway: Gateway, text: str) -> None:
    async with connected(gateway.port) as client:
        await client.send(type="resume", position=text)
        answer = await client.receive()
        assert answer["code"] == "invalid_message"
        assert answer["message"] == "position must be the position of a message, as it came"


async def test_one_who_says_nothing_hears_all_the_same(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HOLD_SECONDS", 0.01)
    async with connected(gateway.port) as client:
        gateway.publish(started())
        assert (await client.receive())["type"] == "task_started"
