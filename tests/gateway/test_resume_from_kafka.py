"""resume on real gateways and a real broker: at any instance, however often cut, against the topic's content."""

import asyncio
import contextlib
import json
import random
import re
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateway import archive, history, stream
from gateway.main import Ports
from gateway.positions import Position
from pipeline.settings import Settings
from pipeline.views import task_view
from schemas import codec
from schemas.events import RequestRejected, TaskProgress
from schemas.partitions import partition_for
from tests.gateway.events import ended, progressed, rejected, started, token
from tests.gateway.harness import Client, connected, http_get, opened, running_gateway
from tests.gateway.process import gateway_settings, serving, until_ready
from tests.gateway.topic import PARTITIONS, ProgressTopic

USERS = ("ann", "bob", "cid", "dora")
ROUNDS, TASKS = 60, 12


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client's first message comes in time however busy the machine is."""
    monkeypatch.setattr(stream, "HOLD_SECONDS", 20.0)


def settings_of(topic: ProgressTopic) -> Settings:
    return gateway_settings(topic.servers, topic.namespace, database_url=topic.database_url)


class Story:
    """Tasks of several users, told with repetitions, late messages, rejections and records that are none."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._tasks = [(str(uuid.UUID(int=number)), USERS[number % len(USERS)]) for number in range(TASKS)]
        self._sequence: dict[str, int] = defaultdict(int)

    def some(self) -> list[Any]:
        """What is written next."""
        return [self._one() for _ in range(self._chance.randint(1, 12))]

    def _one(self) -> Any:
        task, user = self._chance.choice(self._tasks)
        at = {"task_id": task, "user_id": user}
        kind = self._chance.random()
        if kind < 0.05:
            return b"garbage"
        if kind < 0.1:
            return rejected(**at)
        if kind < 0.25:
            return progressed(max(1, self._sequence[task] - self._chance.randint(0, 3)), **at)
        self._sequence[task] += 1
        if kind > 0.97:
            return ended(self._sequence[task], "completed", **at)
        return progressed(self._sequence[task], **at)


def told(topic: ProgressTopic) -> dict[str, list[str]]:
    """The positions that each user must be told, in order: the topic's records without repetitions."""
    newest: dict[str, int] = defaultdict(int)
    positions: dict[str, list[str]] = defaultdict(list)
    for record in topic.records():
        with contextlib.suppress(codec.CodecError):
            event = codec.decode(record.value())
            if isinstance(event, TaskProgress):
                if event.sequence <= newest[event.task_id]:
                    continue
                newest[event.task_id] = event.sequence
            assert isinstance(event, TaskProgress | RequestRejected)
            at = Position.of(record.partition(), record.offset(), record.value())
            positions[event.user_id].append(str(at))
    return positions


class Gateways:
    """Two gateways, of which any can be started again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stacks = [contextlib.AsyncExitStack(), contextlib.AsyncExitStack()]
        self.ports: list[Ports] = []
        self.counted = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Gateways"]:
        """Both ready."""
        for stack in self._stacks:
            self.ports.append(await stack.enter_async_context(serving(self._settings)))
            await until_ready(self.ports[-1])
        try:
            yield self
        finally:
            for stack in self._stacks:
                await stack.aclose()

    async def count(self, ports: Ports) -> None:
        """Keep what a gateway has counted."""
        self.counted += (await http_get(ports.metrics, "/metrics"))[1]

    async def restart(self, number: int) -> None:
        """One of them ends, and another takes its place."""
        await self.count(self.ports[number])
        await self._stacks[number].aclose()
        self.ports[number] = await self._stacks[number].enter_async_context(serving(self._settings))
        await until_ready(self.ports[number])


class Listener:
    """A user's program that is cut again and again, and resumes from the last position that it got."""

    def __init__(self, user_id: str, gateways: Gateways, seed: int) -> None:
        self._user_id, self._gateways = user_id, gateways
        self._chance = random.Random(f"{seed} {user_id}")
        self._position = ""
        self.heard: list[str] = []

    async def begin(self) -> None:
        """Connect, hear nothing, and be cut."""
        async with self._connected() as client:
            self._position = (await client.receive())["position"]

    async def listen(self, until: asyncio.Event) -> None:
        """One connection after the other, each cut after a few messages or a little silence."""
        while not until.is_set():
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError, EOFError):
                async with self._resumed() as client:
                    for _ in range(self._chance.choice((0, 1, 3, 10, 40))):
                        async with asyncio.timeout(0.2):
                            self._take(json.loads(await client.socket.recv()))
                    client.socket.transport.abort()

    async def rest(self) -> None:
        """A last connection, to the end of what there is."""
        async with self._resumed() as client:
            await client.send(type="get_active_tasks")
            while (message := await client.receive()).get("position") is None or message["type"] != "active_tasks":
                if message["type"] == "active_tasks":  # of one who has not been told all yet
                    await asyncio.sleep(0.05)
                    await client.send(type="get_active_tasks")
                else:
                    self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if "position" in message:  # else it tells of a gateway that ends
            self._position = message["position"]
            self.heard.append(self._position)

    @contextlib.asynccontextmanager
    async def _resumed(self) -> AsyncIterator[Client]:
        async with self._connected() as client:
            assert (await client.receive())["type"] == "connection_established"
            await client.send(type="resume", position=self._position)
            first = await client.receive()
            if first.get("code") == "shutting_down":
                raise ConnectionError
            assert (first["type"], first["position"]) == ("resumed", self._position), first
            yield client

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        port = self._chance.choice(self._gateways.ports).gateway
        async with opened(port, f"/ws/tasks/{self._user_id}/", f"Bearer {token(self._user_id)}") as client:
            yield client


@pytest.mark.parametrize(("seed", "most_bytes", "found_in"), [(1, 3 << 10, "kafka"), (2, 32 << 20, "memory")])
async def test_however_often_a_client_is_cut_it_hears_what_the_topic_holds_once_each_and_in_order(
    topic: ProgressTopic, monkeypatch: pytest.MonkeyPatch, seed: int, most_bytes: int, found_in: str
) -> None:
    monkeypatch.setattr(history, "MOST_BYTES", most_bytes)
    story, chance = Story(seed), random.Random(seed)
    topic.write(*story.some())
    async with Gateways(settings_of(topic)).running() as gateways:
        listeners = [Listener(user, gateways, seed) for user in USERS]
        before = {user: len(positions) for user, positions in told(topic).items()}
        for listener in listeners:
            await listener.begin()
        written = asyncio.Event()
        listening = [asyncio.create_task(listener.listen(written)) for listener in listeners]
        for number in range(ROUNDS):
            await asyncio.to_thread(topic.write, *story.some())
            if number % 20 == 10:
                await gateways.restart(chance.randrange(2))
        written.set()
        await asyncio.gather(*listening)
        for listener in listeners:
            await listener.rest()
        for ports in gateways.ports:
            await gateways.count(ports)
    expected = told(topic)
    for user, listener in zip(USERS, listeners, strict=True):
        assert listener.heard == expected[user][before.get(user, 0) :]
    assert sum(len(listener.heard) for listener in listeners) > ROUNDS
    assert re.search(rf'numberline_websocket_resumes_total{{outcome="{found_in}"}} [1-9]', gateways.counted)


async def expired(client: Client, at: str) -> dict[str, Any]:
    """The snapshot that follows where a position is expired."""
    await client.send(type="resume", position=at)
    error, snapshot = await client.receive(), await client.receive()
    assert (error["type"], error["code"]) == ("error", "position_expired")
    assert snapshot["type"] == "active_tasks"
    return snapshot


async def position_after(ports: Ports) -> str:
    """Ann's newest position."""
    async with connected(ports.gateway) as client:
        await client.send(type="get_active_tasks")
        return str((await client.receive())["position"])


async def test_what_retention_has_deleted_is_expired(topic: ProgressTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_BYTES", 0)
    topic.write(started())
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        at = await position_after(ports)
        async with connected(ports.gateway) as client:
            assert await client.before_pong() == []
            topic.write(progressed(2), progressed(3))
            assert [(await client.receive())["type"] for _ in range(2)] == ["task_progress"] * 2
            topic.forget(partition_for("ann", PARTITIONS), 1)
            snapshot = await expired(client, at)
            topic.write(progressed(4))
            assert (await client.receive())["type"] == "task_progress"
        async with connected(ports.gateway) as client:  # and the snapshot's own position is good
            await client.send(type="resume", position=snapshot["position"])
            assert (await client.receive())["type"] == "resumed"
            assert (await client.receive())["processed_items"] == 1000


async def test_a_topic_that_was_made_again_knows_no_old_position(topic: ProgressTopic) -> None:
    topic.write(started(), progressed(2))
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        at = await position_after(ports)
    topic.delete()
    topic.create()
    new = [progressed(number, request_id="new") for number in range(1, 6)]
    topic.write(*new)
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            assert (await expired(client, at))["tasks"] == [task_view(new[-1])]


@pytest.mark.parametrize("most_bytes", [0, 1 << 20])
async def test_an_offset_that_the_topic_has_not_come_to_is_expired(
    topic: ProgressTopic, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(history, "MOST_BYTES", most_bytes)
    topic.write(started())
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        async with connected(ports.gateway) as client:
            await expired(client, str(Position(partition_for("ann", PARTITIONS), 1, 0)))


async def test_whoever_is_too_far_back_begins_anew(topic: ProgressTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_BYTES", 0)
    monkeypatch.setattr(archive, "MOST_RECORDS_BACK", 3)
    topic.write(started())
    async with serving(settings_of(topic)) as ports:
        await until_ready(ports)
        at = await position_after(ports)
        async with connected(ports.gateway) as client:
            assert await client.before_pong() == []
            topic.write(progressed(2), progressed(3), progressed(4))
            assert [(await client.receive())["type"] for _ in range(3)] == ["task_progress"] * 3
            await expired(client, at)


async def test_a_position_of_a_gateway_that_is_ahead_is_waited_for(topic: ProgressTopic) -> None:
    events = [started(), progressed(2), progressed(3), progressed(4)]
    topic.write(*events)
    values = [record.value() for record in topic.records()]
    places = [Position.of(partition_for("ann", PARTITIONS), offset, value) for offset, value in enumerate(values)]
    async with running_gateway(archive=settings_of(topic)) as gateway:
        gateway.hub.history.begin(dict.fromkeys(range(PARTITIONS), 0))
        gateway.hub.publish(events[0], 0, places[0])
        async with connected(gateway.port) as client:
            await client.send(type="resume", position=str(places[2]))
            assert [one["type"] for one in await client.before_pong()] == []
            for event, place in zip(events[1:], places[1:], strict=True):
                gateway.hub.publish(event, 0, place)
            heard = await client.receive_until("task_progress")
            assert [one["type"] for one in heard] == ["resumed", "task_progress"]
            assert heard[1]["position"] == str(places[3])
