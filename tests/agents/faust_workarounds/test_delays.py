"""What takes no time any more: the end of a worker (F10), a delivery (F11)."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mode
import pytest
from faust.transport.consumer import Consumer

from agents.faust_workarounds.delays import f10_end_without_a_sleep, f11_deliver_without_tasks
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
