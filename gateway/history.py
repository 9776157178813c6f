"""The newest messages of the progress topic, by user, within a bound of bytes. No I/O."""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter, itemgetter

from gateway.messages import Message
from gateway.positions import Position

MOST_BYTES = 32 << 20
RECORD_BYTES = 256  # of memory a record costs beside its text, about


class Forgotten(Exception):
    """What lies after this offset is no longer held: the topic itself must be read."""


@dataclass
class _Partition:
    last: Position
    floor: int  # records with a greater offset are held
    records: deque[tuple[int, int, str | None, int]] = field(default_factory=deque)  # offset, check, user, bytes
    held_bytes: int = 0
    skipped: "array[int]" = field(default_factory=lambda: array("q"))


class History:
    """What has been told, in order. Of older records it knows only which of them nobody was told."""

    def __init__(self, most_bytes: int | None = None) -> None:
        self._most_bytes = MOST_BYTES if most_bytes is None else most_bytes
        self._partitions: dict[int, _Partition] = {}
        self._of_user: dict[str, deque[Message]] = {}

    def begin(self, starts: Mapping[int, int]) -> None:
        """These partitions are read from these offsets on."""
        for partition, start in starts.items():
            self._partitions[partition] = _Partition(Position(partition, start - 1, 0), start - 1)

    @property
    def partitions(self) -> int:
        """How many the topic has."""
        return len(self._partitions)

    def last(self, partition: int) -> Position:
        """The newest record."""
        return self._partitions[partition].last

    def append(self, position: Position, user_id: str, message: Message) -> None:
        """A record that was told to its user."""
        self._of_user.setdefault(user_id, deque()).append(message)
        self._keep(position, user_id, RECORD_BYTES + len(message.text))

    def skip(self, position: Position) -> None:
        """A record that nobody was told: a repetition, or one that cannot be read."""
        self._keep(position, None, RECORD_BYTES)
        self._partitions[position.partition].skipped.append(position.offset)

    def is_skipped(self, partition: int, offset: int) -> bool:
        """Whether nobody was told of this record."""
        skipped = self._partitions[partition].skipped
        index = bisect_left(skipped, offset)
        return index < len(skipped) and skipped[index] == offset

    def covers(self, position: Position) -> bool:
        """Whether this very record is held, or the topic's beginning: then all after it is."""
        held = self._partitions[position.partition]
        if position == held.last or position.offset == held.floor == -1:
            return True
        index = bisect_left(held.records, position.offset, key=itemgetter(0))
        return index < len(held.records) and held.records[index][:2] == (position.offset, position.check)

    def after(self, partition: int, offset: int, user_id: str, most: int) -> Sequence[Message]:
        """The user's next messages, at most so many; none where all has been told.  Raises Forgotten."""
        if offset < self._partitions[partition].floor:
            raise Forgotten
        messages = self._of_user.get(user_id, ())
        index = bisect_right(messages, offset, key=attrgetter("offset"))
        return list(islice(messages, index, index + most))

    def _keep(self, position: Position, user_id: str | None, size: int) -> None:
        held = self._partitions[position.partition]
        held.records.append((position.offset, position.check, user_id, size))
        held.held_bytes += size
        held.last = position
        while held.held_bytes > self._most_bytes // len(self._partitions):
            held.floor, _, owner, freed = held.records.popleft()
            held.held_bytes -= freed
            if owner is not None:
                messages = self._of_user[owner]
                messages.popleft()
                if not messages:
                    del self._of_user[owner]
