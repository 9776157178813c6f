"""One authenticated client: what it asks for, and what it is answered."""

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from gateway import client_messages, messages
from gateway.archive import Archive
from gateway.hub import Hub
from gateway.positions import Position
from gateway.selection import Selection
from gateway.sender import Sender
from gateway.stream import Stream, now_ms
from pipeline.metrics import GatewayMetrics
from schemas.events import FieldError


class Connection:
    """A conversation about one user's tasks."""

    __slots__ = ("_channel", "_hub", "_metrics", "_selection", "_sender", "_socket", "_stream", "_user_id")

    def __init__(
        self,
        socket: ServerConnection,
        user_id: str,
        channel: str,
        hub: Hub,
        archive: Archive,
        metrics: GatewayMetrics,
    ) -> None:
        self._socket, self._user_id, self._channel = socket, user_id, channel
        self._hub, self._metrics = hub, metrics
        self._selection = Selection(channel)
        self._sender = Sender(socket, metrics)
        self._stream = Stream(user_id, hub, archive, self._sender, self._selection, metrics)

    async def run(self) -> None:
        """Serve the client until the connection is closed."""
        start = self._stream.start
        self._sender.put(messages.connection_established(now_ms(), self._user_id, self._channel, start))
        try:
            async for frame in self._socket:
                await self._sender.not_slow()  # no answers to one who does not read them
                self._receive(frame)
        except ConnectionClosed:
            pass
        finally:
            self._stream.stop()
            await self._sender.stopped()

    def _receive(self, frame: str | bytes) -> None:
        try:
            message = client_messages.parse(frame)
        except client_messages.MessageInvalid as error:
            self._refuse(error.errors)
            return
        self._metrics.messages_received.labels(message.type).inc()
        if isinstance(message, client_messages.Resume):
            self._resume(message.position)
            return
        self._stream.go_on()
        self._answer(message)

    def _answer(self, message: client_messages.ClientMessage) -> None:
        match message:
            case client_messages.Ping():
                self._sender.put(messages.pong(now_ms()))
            case client_messages.GetActiveTasks():
                self._sender.put(self._stream.snapshot())
            case client_messages.SubscribeTask():
                self._subscribe(message.task_id)
            case client_messages.UnsubscribeTask():
                self._unsubscribe(message.task_id)
            case client_messages.Authenticate():
                text = "this connection is authenticated already"
                self._sender.put(messages.error_message(now_ms(), "already_authenticated", text))

    def _refuse(self, errors: tuple[FieldError, ...]) -> None:
        self._metrics.messages_received.labels("invalid").inc()
        self._stream.go_on()
        self._sender.put(messages.invalid_message(now_ms(), errors))

    def _resume(self, text: str) -> None:
        if (position := Position.parse(text)) is None:
            self._refuse((FieldError("position", "must be the position of a message, as it came"),))
            return
        self._stream.resume(position)

    def _subscribe(self, task_id: str) -> None:
        if not self._knows(task_id):
            self._refuse_unknown(task_id)
            return
        self._selection.subscribed |= {task_id}
        self._sender.put(messages.subscribed(now_ms(), task_id))

    def _unsubscribe(self, task_id: str) -> None:
        if task_id not in self._selection.subscribed and not self._knows(task_id):
            self._refuse_unknown(task_id)
            return
        self._selection.subscribed -= {task_id}
        self._sender.put(messages.unsubscribed(now_ms(), task_id))

    def _knows(self, task_id: str) -> bool:
        task = self._hub.tasks.find_active(self._user_id, task_id)
        return task is not None and self._selection.shows(task.type)

    def _refuse_unknown(self, task_id: str) -> None:
        text = "you have no such active task"
        self._sender.put(messages.error_message(now_ms(), "unknown_task", text, task_id))
