"""Who a connection belongs to: a token in the handshake's header, or in the first message."""

import asyncio
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection

from gateway import client_messages
from gateway.authenticator import Authenticator
from pipeline.errors import NotAuthenticated
from pipeline.tokens import Identity, bearer_token

FIRST_MESSAGE_SECONDS = 10.0


@dataclass
class Refused(Exception):
    """A connection that must be closed. The reason goes to the client, the cause to the metrics."""

    code: int
    reason: str
    cause: str

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


async def authenticate(socket: ServerConnection, user_id: str, authenticator: Authenticator) -> Identity:
    """Whoever the client has proved to be; one who may read this user's tasks.

    Raises Refused, or ConnectionClosed.
    """
    assert socket.request is not None
    headers = socket.request.headers.get_all("Authorization")
    try:
        token = _token_of_header(headers) if headers else await _token_of_first_message(socket)
        identity = await authenticator.identify(token)
    except NotAuthenticated as error:
        raise Refused(4401, error.reason, "not_authenticated") from None
    if not identity.may_read(user_id):
        raise Refused(4403, "the token is another user's", "wrong_user")
    return identity


def _token_of_header(headers: list[str]) -> str:
    if len(headers) > 1:
        raise NotAuthenticated("the authorization header must be given once")
    return bearer_token(headers[0])


async def _token_of_first_message(socket: ServerConnection) -> str:
    try:
        async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
            frame = await socket.recv()
    except TimeoutError:
        raise Refused(4408, f"no authenticate message within {FIRST_MESSAGE_SECONDS:g} s", "too_late") from None
    try:
        message = client_messages.parse(frame)
    except client_messages.MessageInvalid as error:
        raise NotAuthenticated(f"the first message must be authenticate: {error}") from None
    if not isinstance(message, client_messages.Authenticate):
        raise NotAuthenticated("the first message must be authenticate, with a token")
    return message.token
