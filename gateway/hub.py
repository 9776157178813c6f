"""Where the feed and the connections meet: what a record of the progress topic means, and who hears of it."""

from typing import Literal, Protocol

from gateway.history import History
from gateway.messages import Message, message_of
from gateway.positions import Position
from gateway.tasks import TaskMemory
from schemas.events import RequestRejected, TaskProgress
from schemas.partitions import partition_for

Outcome = Literal["new", "repeated", "rejected"]


class Reader(Protocol):
    """One connection."""

    def deliver(self, message: Message) -> None:
        """Take a message, to be sent when the client reads. It may neither block nor raise."""
        ...


class Hub:
    """The tasks, the newest messages, and the readers of each user."""

    def __init__(self) -> None:
        self.tasks = TaskMemory()
        self.history = History()
        self._readers: dict[str, set[Reader]] = {}

    def add(self, user_id: str, reader: Reader) -> None:
        """From now on, this reader hears of the user's tasks."""
        self._readers.setdefault(user_id, set()).add(reader)

    def remove(self, user_id: str, reader: Reader) -> None:
        """It no longer does."""
        readers = self._readers.get(user_id, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(user_id, None)

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
        return "rejected" if isinstance(event, RequestRejected) else "new"

    def skip(self, position: Position) -> None:
        """A record that nobody is told of."""
        self.history.skip(position)
