"""How many connections and frames one client, one user and one address may have. No I/O."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.address import client_address, is_trusted, networks_of
from gateway.buckets import Bucket, Buckets
from pipeline.settings import Settings

ANY = ""  # whoever it is
SOCKETS_A_CONNECTION = 2  # that an address may have open: some are always coming or going


@dataclass
class LimitReached(Exception):
    """One more than is allowed. limit: its name, as metrics have it; text: for the client."""

    limit: str
    text: str

    def __str__(self) -> str:
        return self.text


class Limits:
    """What all connections of a gateway share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._trusted = networks_of(settings.trusted_proxies)
        self._held: dict[str, int] = {}
        self._by_peer: dict[str, int] = {}
        self._by_address: dict[str, int] = {}
        self._by_user: dict[str, int] = {}
        self._frames_of_address = Buckets(settings.messages_per_minute_of_address)
        self._frames_of_user = Buckets(settings.messages_per_minute_of_user)

    def opened(self, peer: str) -> bool:
        """A TCP connection, before anything is known of it but where it comes from; whether it may stay."""
        self._by_peer[peer] = self._by_peer.get(peer, 0) + 1
        most = SOCKETS_A_CONNECTION * self._settings.max_connections_of_address
        return self._by_peer[peer] <= most or is_trusted(peer, self._trusted)

    def lost(self, peer: str) -> None:
        """It is closed."""
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]

    def address(self, peer: str, forwarded: Sequence[str]) -> str:
        """Whose connection it is, once its handshake is here. forwarded: the headers X-Forwarded-For."""
        return client_address(peer, forwarded, self._trusted)

    def connection(self) -> "Place":
        """A place for a connection, from its handshake on.  Raises LimitReached."""
        reached = LimitReached("connections", "this gateway holds as many connections as it may")
        return Place(self._held, ANY, self._settings.max_connections, reached)

    def of_address(self, address: str) -> "Place":
        """The same of an address.  Raises LimitReached."""
        return Place(
            self._by_address,
            address,
            self._settings.max_connections_of_address,
            LimitReached("connections_address", "as many connections as one address may have"),
        )

    def of_user(self, user_id: str) -> "Place":
        """The same of a user, once it is known.  Raises LimitReached."""
        return Place(
            self._by_user,
            user_id,
            self._settings.max_connections_of_user,
            LimitReached("connections_user", "as many connections as one user may have"),
        )

    def bucket(self, now: float) -> Bucket:
        """For the frames of one connection."""
        return Bucket(self._settings.messages_per_minute, now)

    def check_frame(self, own: Bucket, address: str, user_id: str | None, now: float) -> None:
        """One more frame from a client, of whatever kind.  Raises LimitReached."""
        if not own.take(now):
            raise LimitReached("messages", "too many messages on this connection")
        if not self._frames_of_address.of(address, now).take(now):
            raise LimitReached("messages_address", "too many messages from this address")
        if user_id is not None and not self._frames_of_user.of(user_id, now).take(now):
            raise LimitReached("messages_user", "too many messages of this user")


class Budget:
    """The frames of one connection. user_id: once it is known."""

    __slots__ = ("_limits", "_own", "address", "user_id")

    def __init__(self, limits: Limits, address: str) -> None:
        self._limits, self.address = limits, address
        self._own = limits.bucket(time.monotonic())
        self.user_id: str | None = None

    def check_frame(self) -> None:
        """One more.  Raises LimitReached."""
        self._limits.check_frame(self._own, self.address, self.user_id, time.monotonic())


class Place:
    """A place among those that a name may have, taken inside.  Raises LimitReached where all are taken."""

    __slots__ = ("_name", "_taken")

    def __init__(self, taken: dict[str, int], name: str, most: int, reached: LimitReached) -> None:
        if taken.get(name, 0) >= most:
            raise reached
        self._taken, self._name = taken, name

    def __enter__(self) -> None:
        self._taken[self._name] = self._taken.get(self._name, 0) + 1

    def __exit__(self, *error: object) -> None:
        self._taken[self._name] -= 1
        if not self._taken[self._name]:
            del self._taken[self._name]
