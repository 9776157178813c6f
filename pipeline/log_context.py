"""Which record a process is at work on, for the lines that it logs meanwhile and for its spans."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol


class Place(Protocol):
    """What a record tells of itself."""

    @property
    def topic(self) -> str:
        """Full name."""

    @property
    def partition(self) -> int:
        """Of the topic; -1 before it is known."""

    @property
    def offset(self) -> int:
        """Of the partition; -1 before the broker has the message."""

    @property
    def headers(self) -> Iterable[tuple[str, bytes | None]]:
        """Names and values."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that the broker does not have yet."""

    topic: str
    partition: int = -1
    offset: int = -1
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(slots=True)
class Work:
    """A step and its record. task: once the step has read it. trace_id: of its span, where there is one."""

    step: str
    record: Place
    task: str | None = None
    trace_id: str | None = None

    def fields(self) -> dict[str, str | int]:
        """step, topic, partition, offset; task, batch and trace_id where they are known."""
        record = self.record
        found: dict[str, str | int] = {"step": self.step, "topic": record.topic}
        if record.partition >= 0:
            found["partition"] = record.partition
        if record.offset >= 0:
            found["offset"] = record.offset
        headers = dict(record.headers)
        for name in ("task", "batch"):
            if (value := headers.get(name)) is not None:
                found[name] = value.decode(errors="replace")
        if self.task is not None:
            found["task"] = self.task
        if self.trace_id is not None:
            found["trace_id"] = self.trace_id
        return found


_CURRENT: ContextVar[Work | None] = ContextVar("work", default=None)


def begin(step: str, record: Place) -> Work:
    """A step takes up a record: until the next one, what is logged here, and by what begins here, is about it."""
    work = Work(step, record)
    _CURRENT.set(work)
    return work


def end() -> None:
    """What is logged from now on is about no record."""
    _CURRENT.set(None)


@contextmanager
def at_work(step: str, record: Place) -> Iterator[Work]:
    """The same for as long as this lasts."""
    work = Work(step, record)
    token = _CURRENT.set(work)
    try:
        yield work
    finally:
        _CURRENT.reset(token)


def know_task(task_id: str | None) -> None:
    """The record at work is about this task; None where it is about none."""
    if task_id is not None and (work := _CURRENT.get()) is not None:
        work.task = task_id


def fields() -> dict[str, str | int]:
    """What is known of the record at work; empty outside of steps."""
    work = _CURRENT.get()
    return {} if work is None else work.fields()
