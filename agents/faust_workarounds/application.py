"""The application and its monitor, as this project makes them instead of Faust."""

from collections.abc import Awaitable, Callable
from typing import Any

import faust


class App(faust.App):
    """An application that does something before it joins its group, and something before it stops reading: Faust's
    tasks begin when the tables are recovered, and its `on_before_shutdown` comes when all is over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_start: list[Callable[[], Awaitable[None]]] = []

    def task_at_start(self, task: Callable[[], Awaitable[None]]) -> None:
        """As `task`, but begun before the application joins its group."""
        self._at_start.append(task)

    async def on_start(self) -> None:
        """Called when the application starts, before all that it consists of."""
        await super().on_start()
        for task in self._at_start:
            self.add_future(task())

    async def before_stop(self) -> None:
        """Nothing, unless the composition root replaces it."""

    async def before_last_commit(self) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of records that are dealt with and were not delivered: none, likewise."""
        return []

    async def on_stop(self) -> None:
        """Called when the application stops, before all that it consists of."""
        await self.before_stop()
        await super().on_stop()


class Monitor(faust.Monitor):
    """Tells of commits. Faust's own counts a dozen things more for every message, which nobody reads."""

    def __init__(self, committed: Callable[[], None]) -> None:
        super().__init__()
        self._committed = committed

    def on_commit_completed(self, consumer: Any, state: Any) -> None:
        """Faust calls this once the broker has taken a commit."""
        self._committed()

    def _nothing(self, *args: Any, **kwargs: Any) -> None:
        pass

    on_message_in = on_message_out = on_stream_event_in = on_stream_event_out = _nothing
    on_table_get = on_table_set = on_table_del = _nothing
    on_send_initiated = on_send_completed = _nothing
    on_commit_initiated = on_tp_commit = _nothing
