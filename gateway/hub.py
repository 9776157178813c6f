"""Where the feed and the connections meet: what a record of the progress topic means, and who hears of it."""

from collections.abc import Callable, Iterable
from typing import Literal, Protocol

from gateway.messages import Message, rejected_message, task_message
from gateway.tasks import TaskMemory
from schemas.events import RequestRejected, TaskProgress

Outcome = Literal["new", "repeated", "rejected"]


class Reader(Protocol):
    """One connection. Neither method may block or raise."""

    def wants(self, progress: TaskProgress) -> bool:
        """Whether it hears of this task."""
        ...

    def deliver(self, message: Message) -> None:
        """Take a message, to be sent when the client reads."""
        ...


class Hub:
    """The tasks, and the readers of each user."""

    def __init__(self) -> None:
        self.tasks = TaskMemory()
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

    def publish(self, event: TaskProgress | RequestRejected, record_time: int, position: str) -> Outcome:
        """Remember an event and tell its user's readers. record_time: ms since the epoch."""
        readers = self._readers.get(event.user_id, set())
        if isinstance(event, RequestRejected):
            self._tell(readers, lambda: rejected_message(event, position))
            return "rejected"
        if not self.tasks.take(event, record_time):
            return "repeated"
        wanting = [reader for reader in readers if reader.wants(event)]
        self._tell(wanting, lambda: task_message(event, position))
        return "new"

    @staticmethod
    def _tell(readers: Iterable[Reader], make: Callable[[], Message]) -> None:
        """One text for all of them, and none where nobody reads."""
        message: Message | None = None
        for reader in readers:
            message = message or make()
            reader.deliver(message)
