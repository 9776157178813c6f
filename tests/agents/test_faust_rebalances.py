"""The workarounds for what Faust does at a rebalance and at the end (F8 to F10, F12, F14)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import mode
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka.admin import AdminClient
from faust.transport.drivers import aiokafka as driver

from agents import faust_workarounds
from embedded import Kafka
from numberline.setup.topics import create_topics
from schemas import topics
from tests.agents.test_faust_workarounds import EVENTS, FakeConsumer, fake_app, faust_with

F1, F8 = faust_workarounds._f1_commit_only_what_is_acked, faust_workarounds._f8_commit_before_partitions_go
F9 = faust_workarounds._f9_leave_though_static
F12_AT_THE_END = faust_workarounds._f12_subscribe_no_more_at_the_end
F12_AT_THE_START = faust_workarounds._f12_take_no_assignment_without_our_topics
F14 = faust_workarounds._f14_take_back_what_nobody_waits_for


# F8: the last commit


async def _committed_at_revocation() -> dict[Any, int]:
    consumer = FakeConsumer(fake_app(), {EVENTS})
    for offset in (0, 1):
        (await consumer.deliver(offset)).ack(consumer)
    await consumer.on_partitions_revoked({EVENTS})
    return consumer.committed


async def test_f8_fausts_own_code_commits_nothing_at_a_revocation() -> None:
    """What was acked since the last commit is forgotten first, and done again by whoever gets the partition."""
    with faust_with(F1):
        assert await _committed_at_revocation() == {}


async def test_f8_what_is_acked_is_committed_before_a_partition_goes() -> None:
    """All of it."""
    with faust_with(F1, F8):
        assert await _committed_at_revocation() == {EVENTS: 2}


async def _committed_with_unread(*unread: tuple[str, int, int]) -> dict[Any, int]:
    """Of four records the second waits for its agent, the fourth is not delivered, when partitions go."""
    app = fake_app()

    async def before_last_commit() -> list[tuple[str, int, int]]:
        return list(unread)

    app.before_last_commit = before_last_commit
    consumer = FakeConsumer(app, {EVENTS})
    messages = [await consumer.deliver(offset) for offset in (0, 1, 2)]
    for one in (0, 2):
        messages[one].ack(consumer)
    del messages
    await consumer.on_partitions_revoked({EVENTS})
    return consumer.committed


@pytest.mark.parametrize(
    ("unread", "committed"),
    [((), 1), ((1,), 3), ((1, 3), 4), ((3,), 1), ((1, 4), 3)],
    ids=["none", "waiting", "waiting and next", "next alone", "waiting and one after a gap"],
)
async def test_f8_what_is_done_and_was_not_read_is_committed(unread: tuple[int, ...], committed: int) -> None:
    """As far as there is no record in between that somebody must read."""
    with faust_with(F1, F8):
        assert await _committed_with_unread(*((*EVENTS, offset) for offset in unread)) == {EVENTS: committed}


async def _committed_at_last() -> dict[Any, int]:
    """A record is acked while a commit is under way; then comes the last commit."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    first, second = await consumer.deliver(0), await consumer.deliver(1)
    first.ack(consumer)
    under_way, go_on = asyncio.Event(), asyncio.Event()
    commit = consumer._commit

    async def slow(offsets: Any) -> bool:
        under_way.set()
        await go_on.wait()
        return await commit(offsets)

    consumer._commit = slow  # type: ignore[method-assign]
    committing = asyncio.create_task(consumer.commit())
    await under_way.wait()
    second.ack(consumer)
    last = asyncio.create_task(consumer.commit_and_end_transactions())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(committing, last)
    return consumer.committed


async def test_f8_fausts_own_last_commit_is_the_one_under_way() -> None:
    """It returns without doing anything."""
    with faust_with(F1):
        assert await _committed_at_last() == {EVENTS: 1}


async def test_f8_the_last_commit_has_everything() -> None:
    """It waits for the one under way, and commits what came since."""
    with faust_with(F1, F8):
        assert await _committed_at_last() == {EVENTS: 2}


async def test_f8_a_fetch_that_is_cut_short_forgets_nothing() -> None:
    """The flow is stopped at a rebalance and at the end, and the last commit is still to come."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        (await consumer.deliver(0)).ack(consumer)
        consumer.stop_flow()
        await consumer.perform_seek()
        await consumer.commit()
        assert consumer.committed == {EVENTS: 1}


async def test_f8_recovery_seeks_though_the_flow_is_stopped_again() -> None:
    """A rebalance that begins meanwhile stops it; what was fetched and dropped is fetched again all the same."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        seeks: list[None] = []
        consumer.on_seek = lambda: seeks.append(None)
        consumer.stop_flow()
        await consumer.perform_seek()
        assert seeks == []
        await consumer.seek_to_last_commit()
        assert len(seeks) == 1


async def test_f8_what_an_old_fetch_delivers_after_a_revocation_is_not_committed() -> None:
    """It lies beyond records that were dropped, and whoever has the partition now would never get them."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        for offset in (0, 1):
            (await consumer.deliver(offset)).ack(consumer)
        await consumer.on_partitions_revoked({EVENTS})
        late = await consumer.deliver(8)
        await consumer.commit()
        assert not late.acked
        assert consumer.committed == {EVENTS: 2}


async def test_f8_an_old_delivery_out_of_order_holds_back_the_commit() -> None:
    """Never past the lowest record at work, in whatever order they came."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        await consumer.deliver(8)
        await consumer.deliver(4)
        (await consumer.deliver(3)).ack(consumer)
        await consumer.commit()
        assert consumer.committed == {EVENTS: 4}


# F9: a static member that ends


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


# F10: the end


@pytest.mark.parametrize(
    ("patches", "rounds"),
    [((), 10), ((faust_workarounds._f10_end_without_a_sleep,), 1)],
    ids=["mode's own", "ours"],
)
def test_f10_a_worker_ends_without_a_fixed_sleep(
    patches: tuple[Callable[[], None], ...], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is left over at the end, such as a library's, is cancelled; mode waits for it ten times first."""
    loop = asyncio.new_event_loop()
    left_over = loop.create_task(asyncio.sleep(600))
    waits: list[object] = []
    real = loop.run_until_complete

    def counted(awaitable: Any) -> Any:
        waits.append(awaitable)
        return real(awaitable)

    with faust_with(*patches):
        monkeypatch.setattr(loop, "run_until_complete", counted)
        mode.Worker._gather_all(SimpleNamespace(loop=loop))
    assert len(waits) == rounds
    real(asyncio.wait([left_over]))
    assert left_over.cancelled()
    loop.close()


# F12: the topics of a worker that ends, and of the one that comes back in its place


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


# F14: a fetch that outlives a rebalance


@pytest.fixture
async def reader(kafka_server: Kafka, namespace: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of one partition, at its beginning."""
    await create_topics(kafka_server.bootstrap_servers, namespace, 1, 1)
    partition = TopicPartition(topics.topic_name(namespace, topics.BATCHES), 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka_server.bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:
        consumer.assign([partition])
        assert await consumer.position(partition) == 0
        yield consumer


async def _position_after(kafka: Kafka, reader: AIOKafkaConsumer, active: bool, flow: bool) -> tuple[int, int]:
    """A fetch waits, what is wanted changes, then a record comes: how many are taken, and the position."""
    (partition,) = reader.assignment()
    live = {partition}
    faust_consumer = SimpleNamespace(flow_active=True, _get_active_partitions=lambda: live)
    fetching = asyncio.create_task(
        driver.AIOKafkaConsumerThread._fetch_records(
            SimpleNamespace(consumer=faust_consumer), reader, frozenset(live), timeout=30
        )
    )
    await asyncio.sleep(0)
    live, faust_consumer.flow_active = ({partition} if active else set()), flow
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        await producer.send_and_wait(partition.topic, b"record", partition=0)
    taken = await fetching
    return sum(map(len, taken.values())), await reader.position(partition)


@pytest.mark.parametrize(("active", "flow"), [(True, False), (False, True)], ids=["flow stopped", "paused"])
@pytest.mark.parametrize(("patches", "after"), [((), (1, 1)), ((F14,), (0, 0))], ids=["Faust's own", "ours"])
async def test_f14_what_nobody_waits_for_is_put_back(
    kafka_server: Kafka,
    reader: AIOKafkaConsumer,
    active: bool,
    flow: bool,
    patches: tuple[Callable[[], None], ...],
    after: tuple[int, int],
) -> None:
    """Faust's own takes it, though it drops it, and stands behind it: it is never delivered."""
    with faust_with(*patches):
        assert await _position_after(kafka_server, reader, active, flow) == after


async def test_f14_what_is_waited_for_is_delivered(kafka_server: Kafka, reader: AIOKafkaConsumer) -> None:
    """A fetch that outlives a whole rebalance may deliver what is ours again."""
    with faust_with(F14):
        assert await _position_after(kafka_server, reader, active=True, flow=True) == (1, 1)
