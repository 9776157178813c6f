"""Who a connection belongs to: a token in the handshake's header, or in the first message."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection

from gateway import client_messages
from pipeline.tokens import NotAuthenticated

FIRST_MESSAGE_SECONDS = 10.0

Verify = Callable[[str], str]  # token -> user; raises NotAuthenticated


@dataclass
class Refused(Exception):
    """A connection that must be closed. The reason goes to the client, the cause to the metrics."""

    code: int
    reason: str
    cause: str

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


async def authenticate(socket: ServerConnection, user_id: str, verify: Verify) -> None:
    """Return when the client has proved to be this user.  Raises Refused, or ConnectionClosed."""
    assert socket.request is not None
    headers = socket.request.headers.get_all("Authorization")
    token = _token_of_header(headers) if headers else await _token_of_first_message(socket)
    try:
        owner = verify(token)
    except NotAuthenticated as error:
        raise _not_authenticated(error.reason) from None
    if owner != user_id:
        raise Refused(4403, "the token is another user's", "wrong_user")


def _not_authenticated(reason: str) -> Refused:
    return Refused(4401, reason, "not_authenticated")


def _token_of_header(headers: list[str]) -> str:
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise _not_authenticated("the authorization header must be, once: Bearer TOKEN")
    return token.strip()


async def _token_of_first_message(socket: ServerConnection) -> str:
    try:
        async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
            frame = await socket.recv()
    except TimeoutError:
        raise Refused(4408, f"no authenticate message within {FIRST_MESSAGE_SECONDS:g} s", "too_late") from None
    try:
        message = client_messages.parse(frame)
    except client_messages.MessageInvalid as error:
        raise _not_authenticated(f"the first message must be authenticate: {error}") from None
    if not isinstance(message, client_messages.Authenticate):
        raise _not_authenticated("the first message must be authenticate, with a token")
    return message.token
