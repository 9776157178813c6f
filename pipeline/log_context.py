"""Which record a process is at work on, for the lines that it logs meanwhile."""

from contextvars import ContextVar
from typing import Protocol


class Place(Protocol):
    """What a record tells of itself."""

    @property
    def topic(self) -> str:
        """Full name."""

    @property
    def partition(self) -> int:
        """Of the topic."""

    @property
    def offset(self) -> int:
        """Of the partition; -1 for a message that was handed over before the broker had it."""

    def header(self, name: str) -> bytes | None:
        """The last header of this name."""


CURRENT: ContextVar[tuple[str, Place] | None] = ContextVar("record", default=None)


def fields() -> dict[str, str | int]:
    """step, topic, partition, offset, and of a batch's record task and batch; empty outside of steps."""
    if (current := CURRENT.get()) is None:
        return {}
    step, place = current
    found: dict[str, str | int] = {"step": step, "topic": place.topic, "partition": place.partition}
    if place.offset >= 0:
        found["offset"] = place.offset
    for name in ("task", "batch"):
        if (value := place.header(name)) is not None:
            found[name] = value.decode(errors="replace")
    return found
