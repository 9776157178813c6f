"""F18: the consumer has a thread and a loop of its own, and every fetch and its records cross between two threads
that take turns at the interpreter's lock.

A fetch lies five times on the way of a request. A worker's steps are short: the heartbeats of the consumer, which
the thread is for, come in time without it.
"""

import asyncio
import time
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode.services import Service
from mode.utils.futures import maybe_async

TURNS = 12  # of the loop, from a fetched record to the request that carries what its step sends
MOST_SECONDS = 0.003  # where a turn is long, because much else is going on


def f18_consume_in_the_loop_of_the_steps() -> None:
    """The service that Faust takes for a thread runs as a task."""
    init = AIOKafkaConsumerThread.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, thread_loop=asyncio.get_event_loop(), **kwargs)

    async def start(self: Any) -> None:
        self._thread_started.set()
        self._thread_running = self.parent_loop.create_future()
        self._serving = asyncio.create_task(self._serve())
        try:
            await self._thread_running
        finally:
            self._thread_running = None

    async def stop(self: Any) -> None:
        if self._started.is_set():
            await Service.stop(self)
            await asyncio.wait([self._serving])

    async def call_thread(self: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        return await maybe_async(function(*args, **kwargs))

    async def _gather_remaining_tasks(self: Any) -> None:
        """Cancels whatever is left in its loop, which is not its own here."""

    for one in (__init__, start, stop, call_thread, _gather_remaining_tasks):
        setattr(AIOKafkaConsumerThread, one.__name__, one)


def f18_fetch_after_the_steps() -> None:
    """The next fetch is asked for when the records of the one before have led to messages: it can bring nothing
    before those, and to ask for it takes the loop as long as a step. With a request out to every broker nothing can
    be asked for at all."""

    def _notify(self: Any, future: Any) -> None:
        if future is None or future.done():
            return
        if future is getattr(self, "_wait_consume_future", None):
            if len(self._in_flight) < len(self._client.cluster.brokers()):
                later(future, TURNS, time.monotonic() + MOST_SECONDS)
        else:
            future.set_result(None)

    def later(future: Any, turns: int, latest: float) -> None:
        if future.done():
            return
        if turns and time.monotonic() < latest:
            asyncio.get_running_loop().call_soon(later, future, turns - 1, latest)
        else:
            future.set_result(None)

    Fetcher._notify = _notify
