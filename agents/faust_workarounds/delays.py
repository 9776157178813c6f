"""Waits, tasks and requests that nothing needs: F10, F11 and F17."""

import asyncio
import functools
import types
from collections.abc import Coroutine, Generator
from typing import Any

import mode
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

IDLE_SECONDS = 0.02  # between two looks for partitions to fetch from


def f10_end_without_a_sleep() -> None:
    """F10: a second at the end before the loop is closed, and one more where a library's task is left over."""

    def _gather_all(self: Any) -> None:
        if rest := asyncio.all_tasks(self.loop):
            for task in rest:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(rest, timeout=1.0))

    async def _sentinel_task(self: Any) -> None:
        pass  # mode sleeps for a second in it: in vain, for nothing is left by then that could go on

    mode.Worker._gather_all = _gather_all
    mode.Worker._sentinel_task = _sentinel_task


def f10_start_without_a_sleep() -> None:
    """F10, at the start: a second before the tables start, and one each time that nothing is to be fetched yet."""

    async def on_start(self: Any) -> None:
        await self._update_channels()
        await self.recovery.start()

    wait_next_records = Consumer._wait_next_records

    async def _wait_next_records(self: Any, timeout: float) -> Any:
        if self.flow_active and not self._get_active_partitions():
            await asyncio.sleep(IDLE_SECONDS)
            return {}, self._get_active_partitions()
        return await wait_next_records(self, timeout)

    TableManager.on_start = on_start
    Consumer._wait_next_records = _wait_next_records


def f11_deliver_without_tasks() -> None:
    """F11: each message is delivered by four asyncio tasks, so that a delivery that waits for room can be given up
    when the flow is suspended. Hardly one waits: it is begun without them, and left to Faust only where it does."""
    wait_first = Consumer.wait_first

    async def wait_first_(self: Any, *coros: Any, timeout: Any = None) -> Any:
        first, *others = coros
        if getattr(first, "cr_code", None) is not self.callback.__code__:
            return await wait_first(self, *coros, timeout=timeout)
        try:
            awaited = first.send(None)
        except StopIteration:
            for other in others:
                other.close()
            return None
        return await wait_first(self, _finish(first, awaited), *others, timeout=timeout)

    Consumer.wait_first = wait_first_


async def _finish(begun: Coroutine[Any, Any, None], awaited: Any) -> None:
    """A coroutine that was begun by hand and yielded what it awaits, for a task to finish."""
    await _go_on(begun, awaited)


@types.coroutine
def _go_on(begun: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            step = functools.partial(begun.throw, error)
        else:
            step = functools.partial(begun.send, sent)
        try:
            awaited = step()
        except StopIteration:
            return


def f17_ask_for_all_commits_at_once() -> None:
    """F17: after each rebalance the committed offsets are asked for one by one, a request a partition."""

    async def seek_to_committed(self: Any) -> Any:
        return await self.call_thread(_seek_to_committed, self._ensure_consumer())

    driver.AIOKafkaConsumerThread.seek_to_committed = seek_to_committed


async def _seek_to_committed(consumer: Any) -> dict[Any, int | None]:
    """As aiokafka's own, which leaves a partition alone that has nothing committed."""
    assigned = consumer.assignment()
    found = await consumer._coordinator.fetch_committed_offsets(assigned)
    committed = {one: found[one].offset if one in found else None for one in assigned}
    for partition, offset in committed.items():
        if offset:
            consumer._fetcher.seek_to(partition, offset)
    return committed
