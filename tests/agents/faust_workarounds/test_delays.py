"""What takes no time any more: the end of a worker (F10), a delivery (F11), the seek after a rebalance (F17)."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mode
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from agents.faust_workarounds.delays import (
    f10_end_without_a_sleep,
    f11_deliver_without_tasks,
    f17_ask_for_all_commits_at_once,
)
from tests.agents.faust_workarounds.originals import faust_with


@pytest.mark.parametrize(
    ("patches", "rounds"),
    [((), 10), ((f10_end_without_a_sleep,), 1)],
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


@pytest.mark.parametrize(
    ("patches", "sleeps"),
    [((), [1.0]), ((f10_end_without_a_sleep,), [])],
    ids=["mode's own", "ours"],
)
def test_f10_the_loop_is_closed_without_a_sleep(
    patches: tuple[Callable[[], None], ...], sleeps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is left over."""
    slept: list[float] = []
    real = asyncio.sleep

    async def counted(seconds: float) -> None:
        slept.append(seconds)
        await real(0)

    loop = asyncio.new_event_loop()
    with faust_with(*patches):
        monkeypatch.setattr("mode.worker.asyncio.sleep", counted)
        mode.Worker(loop=loop)._shutdown_loop()
    assert slept == sleeps
    assert loop.is_closed()


class Delivering(mode.Service):  # type: ignore[misc]
    """What wait_first asks of a consumer, with a queue of one place to deliver to."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[str] = asyncio.Queue(1)
        self.suspended, self.tasks = asyncio.Event(), 0

    async def callback(self, message: str) -> None:
        """Deliver one message, and wait for room."""
        await self.queue.put(message)

    async def deliver(self, message: str) -> None:
        """As Faust's consumer does it; `tasks` counts what it makes."""
        loop = asyncio.get_running_loop()

        def make(loop: Any, coro: Any, **kwargs: Any) -> Any:
            self.tasks += 1
            return asyncio.Task(coro, loop=loop, **kwargs)

        loop.set_task_factory(make)
        try:
            await Consumer.wait_first(self, self.callback(message), self.suspended.wait())
        finally:
            loop.set_task_factory(None)


@pytest.mark.parametrize(("patches", "tasks"), [((), 4), ((f11_deliver_without_tasks,), 0)], ids=["Faust", "ours"])
async def test_f11_a_delivery_that_need_not_wait_makes_no_tasks(patches: Any, tasks: int) -> None:
    """Faust makes four for each message."""
    with faust_with(*patches):
        consumer = Delivering()
        await consumer.deliver("one")

    assert consumer.queue.get_nowait() == "one"
    assert consumer.tasks == tasks


async def test_f11_a_delivery_that_waits_is_finished_when_there_is_room() -> None:
    """It was begun by hand, and a task goes on with it."""
    with faust_with(f11_deliver_without_tasks):
        consumer = Delivering()
        await consumer.deliver("one")
        waiting = asyncio.create_task(consumer.deliver("two"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()

        assert consumer.queue.get_nowait() == "one"
        await waiting

    assert consumer.queue.get_nowait() == "two"


async def test_f11_a_delivery_that_waits_is_given_up_when_the_flow_is_suspended() -> None:
    """So that a rebalance never waits for a full buffer."""
    with faust_with(f11_deliver_without_tasks):
        consumer = Delivering()
        await consumer.deliver("one")
        waiting = asyncio.create_task(consumer.deliver("two"))
        await asyncio.sleep(0)

        consumer.suspended.set()
        await waiting

    assert consumer.queue.get_nowait() == "one"
    await asyncio.sleep(0)
    assert consumer.queue.empty()


COMMITTED = {TopicPartition("events", 0): 7, TopicPartition("events", 1): 0, TopicPartition("batches", 1): 9}
NEVER = TopicPartition("batches", 0)


class SeekingConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """One of four partitions, without a broker: `asked` counts its requests, `sought` is where it seeks to."""

    def __init__(self) -> None:
        self.asked, self.sought = 0, dict[TopicPartition, int]()
        self._closed, self._group_id = True, "group"
        self._subscription = SimpleNamespace(assigned_partitions=lambda: {*COMMITTED, NEVER})
        self._fetcher = SimpleNamespace(seek_to=self.sought.__setitem__)
        self._coordinator = SimpleNamespace(fetch_committed_offsets=self._fetch)

    async def _fetch(self, partitions: Any) -> dict[TopicPartition, OffsetAndMetadata]:
        self.asked += 1
        return {one: OffsetAndMetadata(COMMITTED[one], "") for one in partitions if one in COMMITTED}


async def _at_once(function: Any, *arguments: Any) -> Any:
    """Instead of in the consumer's thread."""
    return await function(*arguments)


@pytest.mark.parametrize(
    ("patches", "requests"),
    [((), 4), ((f17_ask_for_all_commits_at_once,), 1)],
    ids=["Faust's own", "ours"],
)
async def test_f17_all_committed_offsets_are_asked_for_at_once(
    patches: tuple[Callable[[], None], ...], requests: int
) -> None:
    """A request for each partition takes a worker of many partitions seconds; both seek to the same places."""
    consumer = SeekingConsumer()
    thread = SimpleNamespace(call_thread=_at_once, _ensure_consumer=lambda: consumer)
    with faust_with(*patches):
        committed = await AIOKafkaConsumerThread.seek_to_committed(thread)
    assert committed == COMMITTED | {NEVER: None}
    assert consumer.sought == {one: offset for one, offset in COMMITTED.items() if offset}
    assert consumer.asked == requests
