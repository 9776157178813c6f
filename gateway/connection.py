"""One authenticated client: what it asks for, and what waits for it."""

import asyncio
import time

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import client_messages, messages
from gateway.hub import Hub
from gateway.messages import Message
from gateway.outbox import Outbox, Overflow
from pipeline.metrics import GatewayMetrics
from schemas.events import TaskProgress

CLOSE_SECONDS = 5.0  # for the closing handshake; then the connection is cut
STALLED_SECONDS = 60.0  # a client that takes nothing for so long is cut
MOST_REASON_BYTES = 123  # RFC 6455, section 5.5
CHANNEL_TYPES = {"tasks": None, "phone-generation": "generate"}  # channel -> the one type of task it shows


async def close(socket: ServerConnection, code: int, reason: str) -> None:
    """Close with a code, and cut the connection where the client does not take it in time."""
    reason = reason.encode()[:MOST_REASON_BYTES].decode(errors="ignore")
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code, reason)
    except TimeoutError:
        socket.transport.abort()


def _now() -> int:
    return time.time_ns() // 1_000_000


class Connection:
    """A reader of the hub.

    Messages wait in an outbox, and a task writes them while any waits: nobody else ever waits for this client.
    """

    def __init__(
        self, socket: ServerConnection, user_id: str, channel: str, hub: Hub, metrics: GatewayMetrics
    ) -> None:
        self._socket, self._user_id, self._channel = socket, user_id, channel
        self._hub, self._metrics = hub, metrics
        self._only_type = CHANNEL_TYPES[channel]
        self._subscribed: set[str] = set()  # empty: all tasks
        self._outbox = Outbox()
        self._writer: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the client until the connection is closed."""
        self._hub.add(self._user_id, self)
        self.deliver(messages.connection_established(_now(), self._user_id, self._channel))
        try:
            async for frame in self._socket:
                if self._outbox.slow and self._writer is not None:
                    await asyncio.wait([self._writer])  # no answers to one who does not read them
                self._receive(frame)
        except ConnectionClosed:
            pass
        finally:
            self._hub.remove(self._user_id, self)
            self._metrics.progress_coalesced.inc(self._outbox.coalesced)
            if self._writer is not None:
                self._writer.cancel()
            if self._ending is not None:
                await self._ending

    def wants(self, progress: TaskProgress) -> bool:
        """Whether this channel shows the task, and the client has not asked for others alone."""
        return self._shows(progress) and (not self._subscribed or progress.task_id in self._subscribed)

    def deliver(self, message: Message) -> None:
        """Put a message into the outbox; one that is full ends the connection."""
        if self._ending is not None:
            return
        try:
            self._outbox.put(message)
        except Overflow:
            self._end(1013, "you read too slowly; connect again")
            return
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._ending is None and (message := self._outbox.take()) is not None:
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._socket.send(message.text, text=True)
                self._metrics.messages_sent.labels(message.type).inc()
        except ConnectionClosed:
            pass
        except TimeoutError:
            self._end(1013, "you stopped reading; connect again")
        finally:
            self._writer = None

    def _end(self, code: int, reason: str) -> None:
        self._ending = asyncio.create_task(close(self._socket, code, reason))

    def _shows(self, progress: TaskProgress) -> bool:
        return self._only_type is None or progress.type == self._only_type

    def _receive(self, frame: str | bytes) -> None:
        try:
            message = client_messages.parse(frame)
        except client_messages.MessageInvalid as error:
            self._metrics.messages_received.labels("invalid").inc()
            self.deliver(messages.invalid_message(_now(), error.errors))
            return
        self._metrics.messages_received.labels(message.type).inc()
        self._answer(message)

    def _answer(self, message: client_messages.ClientMessage) -> None:
        match message:
            case client_messages.Ping():
                self.deliver(messages.pong(_now()))
            case client_messages.GetActiveTasks():
                self._send_snapshot()
            case client_messages.SubscribeTask():
                self._subscribe(message.task_id)
            case client_messages.UnsubscribeTask():
                self._unsubscribe(message.task_id)
            case client_messages.Resume():
                text = "this position is no longer kept; a snapshot of the active tasks follows"
                self.deliver(messages.error_message(_now(), "position_expired", text))
                self._send_snapshot()
            case client_messages.Authenticate():
                text = "this connection is authenticated already"
                self.deliver(messages.error_message(_now(), "already_authenticated", text))

    def _send_snapshot(self) -> None:
        tasks = [task for task in self._hub.tasks.active(self._user_id) if self._shows(task)]
        self.deliver(messages.active_tasks(_now(), tasks))

    def _subscribe(self, task_id: str) -> None:
        if not self._knows(task_id):
            self._refuse_unknown(task_id)
            return
        self._subscribed.add(task_id)
        self.deliver(messages.subscribed(_now(), task_id))

    def _unsubscribe(self, task_id: str) -> None:
        if task_id not in self._subscribed and not self._knows(task_id):
            self._refuse_unknown(task_id)
            return
        self._subscribed.discard(task_id)
        self.deliver(messages.unsubscribed(_now(), task_id))

    def _knows(self, task_id: str) -> bool:
        task = self._hub.tasks.find_active(self._user_id, task_id)
        return task is not None and self._shows(task)

    def _refuse_unknown(self, task_id: str) -> None:
        text = "you have no such active task"
        self.deliver(messages.error_message(_now(), "unknown_task", text, task_id))
