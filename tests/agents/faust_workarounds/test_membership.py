"""A static member that ends (F9), and the topics of the one that comes in its place (F12)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka.admin import AdminClient
from faust.transport.drivers import aiokafka as driver

from agents.faust_workarounds.membership import (
    f9_leave_though_static,
    f12_subscribe_no_more_at_the_end,
    f12_take_no_assignment_without_our_topics,
)
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.agents.faust_workarounds.fakes import fake_app
from tests.agents.faust_workarounds.originals import faust_with

F9 = f9_leave_though_static
F12_AT_THE_END = f12_subscribe_no_more_at_the_end
F12_AT_THE_START = f12_take_no_assignment_without_our_topics


@pytest.fixture
async def member(kafka_server: Kafka, namespace: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A static member of a group, with its partitions; its session would last a minute."""
    await create_topics(kafka_server.bootstrap_servers, namespace, 1, 1)
    consumer = AIOKafkaConsumer(
        topics.topic_name(namespace, topics.BATCHES),
        bootstrap_servers=kafka_server.bootstrap_servers,
        group_id=namespace,
        group_instance_id="worker",
        session_timeout_ms=60_000,
    )
    await consumer.start()
    yield consumer
    await consumer.stop()


def members(kafka: Kafka, group: str) -> int:
    """Of a group, as the broker has them."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    return len(admin.describe_consumer_groups([group])[group].result(30).members)


@pytest.mark.parametrize(
    ("patches", "left"),
    [((), 1), ((F9,), 0)],
    ids=["aiokafka's own", "ours"],
)
async def test_f9_a_static_member_that_ends_leaves_its_group(
    kafka_server: Kafka,
    namespace: str,
    member: AIOKafkaConsumer,
    patches: tuple[Callable[[], None], ...],
    left: int,
) -> None:
    """aiokafka's own stays in it until its session is over, and nobody gets its partitions."""
    assert await asyncio.to_thread(members, kafka_server, namespace) == 1
    with faust_with(*patches):
        await member.stop()
    assert await asyncio.to_thread(members, kafka_server, namespace) == left


@pytest.mark.parametrize(("patches", "subscribed"), [((), 1), ((F12_AT_THE_END,), 0)], ids=["Faust's own", "ours"])
async def test_f12_a_worker_that_stops_subscribes_to_nothing_more(
    patches: tuple[Callable[[], None], ...], subscribed: int
) -> None:
    """Faust's own does, after the crash of an agent, to all topics but that agent's."""
    app = fake_app()
    calls: list[set[str]] = []

    async def subscribe(topics: set[str]) -> None:
        calls.append(topics)

    consumer: Any = object.__new__(driver.Consumer)
    consumer.app, consumer._thread = app, SimpleNamespace(subscribe=subscribe)
    with faust_with(*patches):
        await consumer.subscribe({"one"})
        await app.stop()
        await consumer.subscribe({"another"})
    assert len(calls) == 1 + subscribed


async def _assigned_to_its_successor(kafka: Kafka, namespace: str) -> set[str]:
    """A static member dies that has subscribed to one topic; one in its place subscribes to two."""
    await create_topics(kafka.bootstrap_servers, namespace, 1, 1)
    names = [topics.topic_name(namespace, topic) for topic in (topics.BATCHES, topics.NUMBERS)]

    def member(*subscription: str) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *subscription,
            bootstrap_servers=kafka.bootstrap_servers,
            group_id=namespace,
            group_instance_id="worker",
            session_timeout_ms=60_000,
            partition_assignment_strategy=[fake_app().assignor],
        )

    predecessor, successor = member(names[0]), member(*names)
    await predecessor.start()
    await predecessor._client.close()  # dead: whatever it still says, the broker does not hear
    try:
        await successor.start()
        return {partition.topic.removeprefix(f"{namespace}.") for partition in successor.assignment()}
    finally:
        await successor.stop()
        await predecessor.stop()


async def test_f12_the_broker_hands_a_static_member_its_predecessors_topics(
    kafka_server: Kafka, namespace: str
) -> None:
    """Nobody reads the other topic, as long as the group lives."""
    with faust_with():
        assert await _assigned_to_its_successor(kafka_server, namespace) == {"batches"}


async def test_f12_a_member_joins_again_until_it_has_its_topics(kafka_server: Kafka, namespace: str) -> None:
    """It leaves the group, which makes the broker ask for a new assignment."""
    with faust_with(F9, F12_AT_THE_START):
        assert await _assigned_to_its_successor(kafka_server, namespace) == {"batches", "numbers"}


async def test_f12_members_of_a_group_that_is_not_fausts_join_as_ever(kafka_server: Kafka, namespace: str) -> None:
    """An assignment of aiokafka's own says nothing of the others' topics: the projection's group is such a one."""
    await create_topics(kafka_server.bootstrap_servers, namespace, 2, 1)
    topic = topics.topic_name(namespace, topics.PROGRESS)
    with faust_with(F12_AT_THE_START):
        async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
            members_ = [
                AIOKafkaConsumer(
                    topic,
                    bootstrap_servers=kafka_server.bootstrap_servers,
                    group_id=namespace,
                    group_instance_id=name,
                    heartbeat_interval_ms=100,
                )
                for name in ("one", "another")
            ]
            for member in members_:
                await stack.enter_async_context(member)
            while sorted(len(member.assignment()) for member in members_) != [1, 1]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
