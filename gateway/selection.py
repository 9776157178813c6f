"""Which of a user's tasks one connection is told of."""

from gateway.messages import Message

CHANNEL_TYPES = {"tasks": None, "phone-generation": "generate"}  # channel -> the one type of task it shows


class Selection:
    """The channel's tasks, and of these the subscribed ones, where any is."""

    __slots__ = ("_only_type", "subscribed")

    def __init__(self, channel: str) -> None:
        self._only_type = CHANNEL_TYPES[channel]
        self.subscribed: frozenset[str] = frozenset()  # empty: all tasks

    def shows(self, task_type: str) -> bool:
        """Whether the channel shows tasks of this type."""
        return self._only_type in (None, task_type)

    def wants(self, message: Message) -> bool:
        """Whether to tell: always, where it is no message of a task."""
        if message.task_type is None or (self._only_type is None and not self.subscribed):
            return True
        return self.shows(message.task_type) and (not self.subscribed or message.task_id in self.subscribed)
