"""What one client still has to take: small and bounded, so that a slow reader costs itself alone. No I/O."""

from collections import deque

from gateway.messages import Message

SLOW_MESSAGES = 64  # a reader this far behind gets the newest progress of each task
MOST_MESSAGES = 512
SLOW_BYTES = 1 << 16
MOST_BYTES = 1 << 18  # and one message more, for one alone may be as big


class Overflow(Exception):
    """The reader is too slow for what may not be left out."""


class Outbox:
    """Messages in order.

    Of a reader that is far behind, a task_progress is dropped when a later one of the same task waits; the
    order stays that of the topic, and nothing else is ever dropped.
    """

    __slots__ = ("_bytes", "_coalesce_at", "_messages", "coalesced")

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._coalesce_at = SLOW_MESSAGES
        self.coalesced = 0  # messages dropped for newer ones

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def slow(self) -> bool:
        """Whether its reader is so far behind that it should get no answers before it has caught up."""
        return len(self._messages) >= SLOW_MESSAGES or self._bytes >= SLOW_BYTES

    def put(self, message: Message) -> None:
        """One more message.  Raises Overflow; the connection must end then."""
        if self._bytes > MOST_BYTES:
            self._coalesce()
            if self._bytes > MOST_BYTES:
                raise Overflow
        self._messages.append(message)
        self._bytes += len(message.text)
        if len(self._messages) > self._coalesce_at:
            self._coalesce()
            if len(self._messages) > MOST_MESSAGES:
                raise Overflow

    def take(self) -> Message | None:
        """The oldest message, if any waits."""
        if not self._messages:
            self._coalesce_at = SLOW_MESSAGES
            return None
        message = self._messages.popleft()
        self._bytes -= len(message.text)
        return message

    def withdraw(self) -> None:
        """Leave out all that tells of records: it will be told again."""
        self._keep(deque(one for one in self._messages if one.offset is None))

    def _coalesce(self) -> None:
        newest = {one.task_id: one for one in self._messages if one.replaceable}
        kept = deque(one for one in self._messages if not one.replaceable or newest[one.task_id] is one)
        self.coalesced += len(self._messages) - len(kept)
        self._keep(kept)

    def _keep(self, kept: deque[Message]) -> None:
        self._messages = kept
        self._bytes = sum(len(one.text) for one in kept)
        # again only after as many more: so its cost stays constant a message
        self._coalesce_at = min(MOST_MESSAGES, max(SLOW_MESSAGES, 2 * len(kept)))
