"""One authenticated client: what it asks for, and what it is answered."""

from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from gateway import client_messages, messages
from gateway.archive import Archive
from gateway.authenticator import Authenticator
from gateway.client_socket import ClientSocket
from gateway.expiry import Expiry
from gateway.hub import Hub
from gateway.limits import LimitReached
from gateway.positions import Position
from gateway.selection import Selection
from gateway.sender import Sender
from gateway.stream import Stream, now_ms
from pipeline.errors import NotAuthenticated
from pipeline.metrics import GatewayMetrics
from pipeline.tokens import Identity
from schemas.events import FieldError


@dataclass(frozen=True)
class SocketServices:
    """What all connections share. most_subscriptions: of one connection."""

    hub: Hub
    archive: Archive
    authenticator: Authenticator
    metrics: GatewayMetrics
    most_subscriptions: int


class Connection:
    """A conversation about one user's tasks, with that user or an operator."""

    __slots__ = (
        "_channel",
        "_expiry",
        "_identity",
        "_selection",
        "_sender",
        "_services",
        "_socket",
        "_stream",
        "_user_id",
    )

    def __init__(
        self, socket: ClientSocket, identity: Identity, user_id: str, channel: str, services: SocketServices
    ) -> None:
        self._socket, self._identity, self._user_id, self._channel = socket, identity, user_id, channel
        self._services = services
        self._selection = Selection(channel)
        self._sender = Sender(socket, services.metrics)
        self._stream = Stream(
            user_id, services.hub, services.archive, self._sender, self._selection, services.metrics
        )
        self._expiry = Expiry(identity.expires_at, self._warn, self._expire)

    async def run(self) -> None:
        """Serve the client until the connection is closed."""
        start, until = self._stream.start, self._identity.expires_at
        self._sender.put(messages.connection_established(now_ms(), self._user_id, self._channel, start, until))
        try:
            async for frame in self._socket:
                await self._sender.not_slow()  # no answers to one who does not read them
                await self._receive(frame)
        except ConnectionClosed:
            pass
        finally:
            self._expiry.stop()
            self._stream.stop()
            await self._sender.stopped()

    def send_away(self, retry_seconds: float) -> None:
        """The gateway ends: say when to connect again, and close."""
        self._sender.put(messages.shutting_down(now_ms(), retry_seconds))
        self._sender.end(1001, f"shutting down; connect again in {retry_seconds:.1f} s")

    async def _receive(self, frame: str | bytes) -> None:
        try:
            message = client_messages.parse(frame)
        except client_messages.MessageInvalid as error:
            self._refuse(error.errors)
            return
        self._services.metrics.messages_received.labels(message.type).inc()
        if isinstance(message, client_messages.Resume):
            self._resume(message.position)
            return
        self._stream.go_on()
        if isinstance(message, client_messages.Authenticate):
            await self._renew(message.token)
            return
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

    async def _renew(self, token: str) -> None:
        """A new token in place of the one that will expire; a bad one changes nothing."""
        try:
            identity = await self._services.authenticator.identify(token)
            if identity.user_id != self._identity.user_id or not identity.may_read(self._user_id):
                raise NotAuthenticated("the token is another user's")
        except NotAuthenticated as error:
            self._services.metrics.authentication_failures.labels("not_renewed").inc()
            self._sender.put(messages.error_message(now_ms(), "not_authenticated", error.reason))
            return
        self._identity = identity
        self._expiry.renew(identity.expires_at)
        self._sender.put(messages.authenticated(now_ms(), identity.user_id, identity.expires_at))

    def _warn(self) -> None:
        self._sender.put(messages.token_expiring(now_ms(), self._identity.expires_at))

    def _expire(self) -> None:
        self._sender.end(4401, "the token has expired")

    def _refuse(self, errors: tuple[FieldError, ...]) -> None:
        self._services.metrics.messages_received.labels("invalid").inc()
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
        subscribed = self._selection.subscribed | {task_id}
        if len(subscribed) > self._services.most_subscriptions:
            self._socket.refuse(LimitReached("subscriptions", "too many subscriptions on this connection"))
            return
        self._selection.subscribed = subscribed
        self._sender.put(messages.subscribed(now_ms(), task_id))

    def _unsubscribe(self, task_id: str) -> None:
        if task_id not in self._selection.subscribed and not self._knows(task_id):
            self._refuse_unknown(task_id)
            return
        self._selection.subscribed -= {task_id}
        self._sender.put(messages.unsubscribed(now_ms(), task_id))

    def _knows(self, task_id: str) -> bool:
        task = self._services.hub.tasks.find_active(self._user_id, task_id)
        return task is not None and self._selection.shows(task.type)

    def _refuse_unknown(self, task_id: str) -> None:
        text = "you have no such active task"
        self._sender.put(messages.error_message(now_ms(), "unknown_task", text, task_id))
