"""Where the feed and the connections meet: what a record of the progress topic means, and who hears of it."""

import contextlib
from collections.abc import Iterator
from typing import Literal, Protocol, TypeVar

from gateway.history import History
from gateway.messages import Message, message_of
from gateway.positions import Position
from gateway.tasks import TaskMemory
from schemas.events import RequestRejected, TaskProgress
from schemas.partitions import partition_for

Outcome = Literal["new", "repeated", "rejected"]
Told = TypeVar("Told")


class Reader(Protocol):
    """One connection."""

    def deliver(self, message: Message) -> None:
        """Take a message, to be sent when the client reads. It may neither block nor raise."""


class Listener(Protocol):
    """Whoever waits for one event of a user."""

    def heard(self, event: TaskProgress | RequestRejected, message: Message) -> None:
        """An event, and the message that tells of it. It may neither block nor raise."""


class Hub:
    """The tasks, the newest messages, and the readers and listeners of each user."""

    def __init__(self) -> None:
        self.tasks = TaskMemory()
        self.history = History()
        self._readers: dict[str, set[Reader]] = {}
        self._listeners: dict[str, set[Listener]] = {}

    def add(self, user_id: str, reader: Reader) -> None:
        """From now on, this reader hears of the user's tasks."""
        self._readers.setdefault(user_id, set()).add(reader)

    def remove(self, user_id: str, reader: Reader) -> None:
        """It no longer does."""
        _discard(self._readers, user_id, reader)

    @contextlib.contextmanager
    def listening(self, user_id: str, listener: Listener) -> Iterator[None]:
        """Meanwhile, this listener hears of every event of the user."""
        self._listeners.setdefault(user_id, set()).add(listener)
        try:
            yield
        finally:
            _discard(self._listeners, user_id, listener)

    def partition_of(self, user_id: str) -> int:
        """The partition that tells of this user."""
        return partition_for(user_id, self.history.partitions)

    def last_position(self, user_id: str) -> Position:
        """All that has been told of this user is told up to here."""
        return self.history.last(self.partition_of(user_id))

    def publish(self, event: TaskProgress | RequestRejected, record_time: int, position: Position) -> Outcome:
        """Remember an event and tell its user's readers. record_time: ms since the epoch."""
        if isinstance(event, TaskProgress) and not self.tasks.take(event, record_time):
            self.skip(position)
            return "repeated"
        message = message_of(event, position)
        self.history.append(position, event.user_id, message)
        for reader in self._readers.get(event.user_id, ()):
            reader.deliver(message)
        for listener in self._listeners.get(event.user_id, ()):
            listener.heard(event, message)
        return "rejected" if isinstance(event, RequestRejected) else "new"

    def skip(self, position: Position) -> None:
        """A record that nobody is told of."""
        self.history.skip(position)


def _discard(told: dict[str, set[Told]], user_id: str, one: Told) -> None:
    """Forget one, and the user where it was the last."""
    if (ones := told.get(user_id)) is not None:
        ones.discard(one)
        if not ones:
            del told[user_id]
