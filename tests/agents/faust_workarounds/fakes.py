"""A consumer and an application of Faust without a broker."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from agents.faust_workarounds import App

EVENTS = TP("events", 0)
CHANGELOG = TP("app-tasks-changelog", 0)


class FakeConsumer(Consumer):  # type: ignore[misc]
    """Faust's consumer, without a broker: `committed` is what it sent there."""

    def __init__(self, app: Any, assigned: set[TP]) -> None:
        transport = SimpleNamespace(app=app, create_transaction_manager=lambda **_: None)
        self.committed: dict[TP, int] = {}
        self.on_seek: Callable[[], None] = lambda: None
        self._assigned = assigned
        super().__init__(transport, self._deliver, self._revoked, self._nothing)

    async def _deliver(self, message: Any) -> None:
        pass

    async def _nothing(self, *_: Any) -> None:
        pass

    async def _revoked(self, _: set[TP]) -> None:
        """As the application does: wait for what is at work, and commit it."""
        await self.wait_empty()

    async def _commit(self, offsets: Any) -> bool:
        self.committed.update(offsets)
        return True

    async def seek_to_committed(self) -> dict[TP, int]:
        self.on_seek()
        return dict(self.committed)

    def assignment(self) -> set[TP]:
        return self._assigned

    async def deliver(self, offset: int) -> Any:
        """One record on its way to its agent."""
        message = ConsumerMessage(EVENTS.topic, EVENTS.partition, offset, 0.0, 0, None, None, b"", None, tp=EVENTS)
        message.refcount = 1
        await self.callback(message)
        return message


async def unused(*_: Any) -> None:
    """What no test calls."""
    raise NotImplementedError


for _name in Consumer.__abstractmethods__ - set(vars(FakeConsumer)):
    setattr(FakeConsumer, _name, unused)
FakeConsumer.__abstractmethods__ = frozenset()


class FakeProducer:
    """Has nothing to flush."""

    async def flush(self) -> None:
        """At once."""


def fake_app() -> Any:
    """A Faust application whose one topic is acked."""
    app = App("app", broker="kafka://127.0.0.1:1", topic_allow_declare=False)
    app.producer = FakeProducer()
    app.topics.acking_topics.add(EVENTS.topic)
    return app
