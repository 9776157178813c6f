"""What steps read and send: records of Kafka, and the messages that they make."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline import log_context
from pipeline.dead_letters import Headers
from pipeline.errors import Unreadable
from schemas import codec, events, topics

T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """One record of Kafka as it was read. timestamp: ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        return self.topic, self.partition, self.offset

    def header(self, name: str) -> bytes | None:
        """The last header of this name."""
        return dict(self.headers).get(name)

    def event(self, *kinds: type[T]) -> T:
        """Its value as an event of one of these kinds, which the log says the task of.  Raises Unreadable."""
        try:
            event = codec.decode(self.value or b"")
        except codec.CodecError as error:
            raise Unreadable(str(error)) from error
        if not isinstance(event, kinds):
            raise Unreadable(f"{type(event).__name__} does not belong on {self.topic}")
        log_context.know_task(getattr(event, "task_id", None))
        return event


@dataclass(frozen=True)
class Outgoing:
    """One message to send. partition_key: the area code or user id that decides the partition."""

    topic: topics.Topic
    key: bytes | None
    value: bytes | None
    partition_key: str
    headers: Headers = ()


Step = Callable[[Record], Awaitable[None]]


def batch_headers(event: Any) -> Headers:
    """Whose batch a message is about, readable without its value."""
    return (
        ("user", event.user_id.encode()),
        ("task", event.task_id.encode()),
        ("batch", str(event.batch).encode()),
    )


def audit_message(event: events.Audited) -> Outgoing:
    """What goes to the audit trail."""
    return Outgoing(topics.AUDIT, event.actor.encode(), codec.encode(event), event.actor)


def task_event(event: events.TaskEvent, headers: Headers = ()) -> Outgoing:
    """A message about a task: all of a user's go through one partition."""
    return Outgoing(topics.TASK_EVENTS, event.user_id.encode(), codec.encode(event), event.user_id, headers)
