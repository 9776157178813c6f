"""What one connection is told, from a position on: out of memory or out of Kafka, then as it comes."""

import asyncio
import time
from collections.abc import Coroutine

from gateway import messages
from gateway.archive import Archive, ArchiveAway, Expired
from gateway.history import Forgotten
from gateway.hub import Hub
from gateway.messages import Message
from gateway.positions import Position
from gateway.selection import Selection
from gateway.sender import Sender
from pipeline.metrics import GatewayMetrics

HOLD_SECONDS = 0.25  # for a first message that is a resume: then nothing is told twice
PIECE_MESSAGES = 32  # fewer than the outbox holds before it leaves anything out
BEHIND_SECONDS = 10.0  # for a position that another gateway has given and this one has not read yet
POLL_SECONDS = 0.02


def now_ms() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Stream:
    """A reader of the hub once it has caught up. At first it holds: what comes is told when it goes on."""

    __slots__ = (
        "_archive",
        "_catching_up",
        "_held",
        "_hub",
        "_metrics",
        "_selection",
        "_sender",
        "_user_id",
        "start",
    )

    def __init__(
        self,
        user_id: str,
        hub: Hub,
        archive: Archive,
        sender: Sender,
        selection: Selection,
        metrics: GatewayMetrics,
    ) -> None:
        self._user_id, self._hub, self._archive, self._metrics = user_id, hub, archive, metrics
        self._sender, self._selection = sender, selection
        self._catching_up: asyncio.Task[None] | None = None
        self._held: asyncio.TimerHandle | None = asyncio.get_running_loop().call_later(HOLD_SECONDS, self.go_on)
        self.start = hub.last_position(user_id)

    def go_on(self) -> None:
        """Stop holding, with what has come since the connection began."""
        if not self._no_longer_held():
            return
        try:
            held = self._hub.history.after(self.start.partition, self.start.offset, self._user_id, PIECE_MESSAGES)
        except Forgotten:
            held = None
        if held is None or len(held) == PIECE_MESSAGES:  # at once only what is no burden
            self._catch_up(self._tell_after(self.start.offset))
            return
        self._live()
        for message in held:
            self.deliver(message)

    def resume(self, position: Position) -> None:
        """Tell everything after a position, whatever was told before; or say that it is expired."""
        self._no_longer_held()
        self._sender.withdraw()
        self._catch_up(self._resume(position))

    def deliver(self, message: Message) -> None:
        """A message as it comes."""
        if self._selection.wants(message):
            self._sender.put(message)

    def stop(self) -> None:
        """Tell nothing more."""
        self._no_longer_held()
        self._hub.remove(self._user_id, self)
        if self._catching_up is not None:
            self._catching_up.cancel()

    def snapshot(self) -> Message:
        """The active tasks; its position is None while what was missed is still being told."""
        tasks = (task for task in self._hub.tasks.active(self._user_id) if self._selection.shows(task.type))
        position = self._hub.last_position(self._user_id) if self._catching_up is None else None
        return messages.active_tasks(now_ms(), tasks, position)

    def _no_longer_held(self) -> bool:
        """Go on; whether it was held until now."""
        held, self._held = self._held, None
        if held is not None:
            held.cancel()
        return held is not None

    def _catch_up(self, telling: Coroutine[None, None, None]) -> None:
        self._hub.remove(self._user_id, self)
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(telling)

    async def _resume(self, position: Position) -> None:
        try:
            await self._check(position)
        except Expired:
            self._metrics.resumes.labels("expired").inc()
            self._begin_anew()
        except ArchiveAway:
            self._metrics.resumes.labels("unavailable").inc()
            self._end_for_now()
        else:
            self._sender.put(messages.resumed(now_ms(), position))
            await self._tell_after(position.offset)

    async def _check(self, position: Position) -> None:
        """Raises Expired where anything after the position may be gone, ArchiveAway where that is not known."""
        history = self._hub.history
        if position.partition != self._hub.partition_of(self._user_id):
            raise Expired
        if history.covers(position):
            self._metrics.resumes.labels("memory").inc()
            return
        ahead = position.offset > history.last(position.partition).offset
        await self._archive.check(position)
        if ahead:  # of this gateway, which will have read it in a moment
            for _ in range(int(BEHIND_SECONDS / POLL_SECONDS)):
                if position.offset <= history.last(position.partition).offset:
                    break
                await asyncio.sleep(POLL_SECONDS)
            if not history.covers(position):
                raise Expired
        self._metrics.resumes.labels("kafka").inc()

    async def _tell_after(self, offset: int) -> None:
        """Tell what comes after an offset, as fast as the client reads; once nothing is left, as it comes."""
        partition = self._hub.partition_of(self._user_id)
        try:
            while True:
                try:
                    piece = self._hub.history.after(partition, offset, self._user_id, PIECE_MESSAGES)
                    if not piece:
                        break
                    offset = piece[-1].offset or 0
                except Forgotten:
                    read = await self._archive.read(partition, offset, self._user_id)
                    piece, offset = read.messages, read.read_to
                for message in piece:
                    await self._sender.not_slow()
                    self.deliver(message)
                await self._sender.caught_up()
        except Expired:  # it was there when we began
            self._begin_anew()
        except ArchiveAway:
            self._end_for_now()
        else:
            self._live()

    def _begin_anew(self) -> None:
        text = "this position is no longer kept; a snapshot of the active tasks follows"
        self._sender.put(messages.error_message(now_ms(), "position_expired", text))
        self._live()
        self._sender.put(self.snapshot())

    def _live(self) -> None:
        self._catching_up = None
        self._hub.add(self._user_id, self)

    def _end_for_now(self) -> None:
        self._sender.end(1013, "what you missed cannot be read now; try again later")
