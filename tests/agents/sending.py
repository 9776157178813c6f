"""What the tests of the delivery runtime share: a producer that they control, records and messages."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from agents.producers import StepProducer
from agents.records import Outgoing, Record
from pipeline.dead_letters import Headers
from schemas import topics

PARTITIONS = 8
BATCH = (("user", b"ann"), ("task", b"1b4e28ba-2fa1-51d2-883f-0016d3cca427"), ("batch", b"7"))


class Producer(StepProducer):
    """Takes messages and acknowledges each when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.acknowledgements: list[asyncio.Future[Any]] = []
        self.arrived = asyncio.Semaphore(0)  # one release a message
        self.at_once = True

    async def send(self, *message: Any) -> Awaitable[Any]:
        """As `StepProducer`: topic, key, value, partition, headers."""
        self.sent.append(message)
        self.arrived.release()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.at_once:
            future.set_result(SimpleNamespace(offset=len(self.sent)))
        self.acknowledgements.append(future)
        return future


class App:
    """What runs beside the steps uses of a Faust application."""

    def __init__(self) -> None:
        self.should_stop = False
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self.crashed: list[Exception] = []

    def task(self, run: Callable[[], Awaitable[None]]) -> None:
        """Begun by the test."""
        self.beside.append(run)

    async def crash(self, error: Exception) -> None:
        """Remember why."""
        self.crashed.append(error)


def record(
    topic: str = "test.numbers",
    headers: Headers = BATCH,
    value: bytes | None = b"\x00value",
    key: bytes | None = b"212",
) -> Record:
    """A record of partition 3, offset 42."""
    return Record(topic, 3, 42, 1_700_000_000_123, key, value, headers)


def raising(error: BaseException) -> Any:
    """A step that raises."""

    async def step(_: Record) -> None:
        raise error

    return step


def message(value: bytes, partition_key: str) -> Outgoing:
    """A message that is known by its value."""
    return Outgoing(topics.NUMBERS, b"key", value, partition_key, (("task", b"x"),))
