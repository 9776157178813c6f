"""F19: every fetch names every partition, and every answer lists every partition, most of them empty.

aiokafka asks without a session. With one (KIP-227, as the Java client does it) a request names what has changed
since the one before, and an answer what has anything new. A worker reads 32 partitions, and five fetches lie on the
way of a request.
"""

from dataclasses import dataclass, field
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.fetch import FetchRequest, FetchRequestStruct

FIRST_EPOCH, LAST_EPOCH = 0, 2**31 - 1  # the first asks for a new session
SINCE_VERSION = 7  # of the request, broker 1.1

Partition = tuple[str, int]
Wanted = tuple[int, int]  # offset, most bytes
By_topic = list[tuple[str, list[tuple[int, int, int]]]]


def f19_fetch_what_has_changed() -> None:
    """Whatever a fetcher asks of a broker goes through its session with it."""
    init = Fetcher.__init__

    def __init__(self: Any, client: Any, *args: Any, **kwargs: Any) -> None:
        init(self, SessionClient(client), *args, **kwargs)

    Fetcher.__init__ = __init__


class SessionClient:
    """A client whose fetches go by sessions, one with each broker; anything else it passes on."""

    def __init__(self, client: Any) -> None:
        self._client, self._sessions = client, dict[int, FetchSession]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any, **options: Any) -> Any:
        """The answer of a broker; it lists no partition in which there is nothing new."""
        if not isinstance(request, FetchRequest):
            return await self._client.send(node_id, request, **options)
        # whether a request that fails has reached the broker is not known: then the next one begins anew
        session = self._sessions.pop(node_id, None) or FetchSession()
        response = await self._client.send(node_id, session.request(request), **options)
        if session.continued_by(response):
            self._sessions[node_id] = session
        return response


@dataclass
class FetchSession:
    """What a broker knows of what is wanted. identity: 0 before it has given one."""

    identity: int = 0
    epoch: int = FIRST_EPOCH
    known: dict[Partition, Wanted] = field(default_factory=dict)

    def request(self, full: FetchRequest) -> "SessionRequest":
        """The same request within this session."""
        wanted = {
            (topic, partition): (offset, most_bytes)
            for topic, partitions in full.topics
            for partition, offset, most_bytes in partitions
        }
        changed = {one: what for one, what in wanted.items() if self.known.get(one) != what}
        forgotten = [one for one in self.known if one not in wanted]
        self.known = wanted
        return SessionRequest(full, self.identity, self.epoch, changed, forgotten)

    def continued_by(self, response: Any) -> bool:
        """Whether the broker goes on with it: it has not forgotten it, and has room for one."""
        if getattr(response, "error_code", 0) or not getattr(response, "session_id", 0):
            return False
        self.identity, self.epoch = response.session_id, self.epoch % LAST_EPOCH + 1
        return True


class SessionRequest(FetchRequest):
    """A fetch of a session; to a broker that knows none, the full one."""

    def __init__(
        self,
        full: FetchRequest,
        identity: int,
        epoch: int,
        changed: dict[Partition, Wanted],
        forgotten: list[Partition],
    ) -> None:
        self.__dict__.update(full.__dict__)
        self._identity, self._epoch = identity, epoch
        self._changed, self._forgotten = changed, forgotten

    def build(self, request_struct_class: type[FetchRequestStruct]) -> FetchRequestStruct:
        """As aiokafka builds it, with what it leaves out."""
        if request_struct_class.API_VERSION < SINCE_VERSION:
            return super().build(request_struct_class)
        self._topics = by_topic(self._changed)
        built: Any = super().build(request_struct_class)
        built.session_id, built.session_epoch = self._identity, self._epoch
        forgotten: dict[str, list[int]] = {}
        for topic, partition in self._forgotten:
            forgotten.setdefault(topic, []).append(partition)
        built.forgotten_topics_data = list(forgotten.items())
        return built


def by_topic(wanted: dict[Partition, Wanted]) -> By_topic:
    """In the form of a request."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), (offset, most_bytes) in wanted.items():
        found.setdefault(topic, []).append((partition, offset, most_bytes))
    return list(found.items())
