"""Dead letters: what a step says of a record that it cannot process, and how that is read again.

Header names after KIP-1034. A letter has the record's key, value and headers, and after those its own.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from pipeline.errors import BatchImpossible, RecordError
from schemas import codec, topics
from schemas.events import BatchFailed
from schemas.identity import record_task_id, task_id
from schemas.parse import RequestInvalid, parse_request

Header = tuple[str, bytes | None]
Headers = tuple[Header, ...]
Place = tuple[str, int, int]  # full topic name, partition, offset

NAMES = ("exception", "message", "stacktrace", "topic", "partition", "offset", "stage", "reason", "timestamp")
PREFIX = "__streams.errors."
MOST_TEXT = 10_000  # characters: a message may quote the value that it is about

BATCH_TOPICS = (topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS, topics.VALIDATIONS, topics.LOOKUPS)
# what proves nothing of its user: sent again by an operator, it would carry an authority that it never had
UNAUTHENTICATED = ("NotAuthenticated", "not_authorized")

Settled = Literal["replayed", "discarded"]


@dataclass(frozen=True)
class Origin:
    """Where a record was read; the identity of its dead letter. topic: without the namespace."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Letter:
    """A dead letter. headers: the record's own, but for `authorization`. timestamp: the record's, in ms."""

    origin: Origin
    timestamp: int
    stage: str
    reason: str
    exception: str
    message: str
    stacktrace: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def task(self) -> str | None:
        """The task that it is about, if that can be read."""
        if self.origin.topic == topics.REQUESTS.name:
            return _task_of_request(self)
        if told := told_batch(self.origin.topic, self.headers):
            return told[1]
        try:
            return getattr(codec.decode(self.value or b""), "task_id", None)
        except codec.CodecError:
            return None

    @property
    def user(self) -> str | None:
        """The user of a request, if that can be read."""
        try:
            return parse_request(self.value).user_id
        except RequestInvalid as invalid:
            return invalid.user_id

    def why_kept(self, chosen_reasons: tuple[str, ...] = ()) -> str | None:
        """Why it must not be sent again; None where it may. chosen_reasons: those that the operator names."""
        if self.origin.topic not in {topic.name for topic in topics.TOPICS if topic is not topics.DEADLETTERS}:
            return f"{self.origin.topic} is no topic of this version"
        if told := told_batch(self.origin.topic, self.headers):
            return (
                f"task {told[1]} was told that its batch {told[2]} failed, and ends without it: the rows would be "
                "stored and not counted. Submit what is missing as a new request"
            )
        if self.origin.topic == topics.PREFIXES.name:
            return "it could take the place of newer prefix data: import that again instead"
        if self.reason in UNAUTHENTICATED and self.reason not in chosen_reasons:
            return f"nobody has proved who sent it; with --reason {self.reason} it is sent by your authority"
        return None


def letter_headers(error: Exception, stacktrace: str, stage: str, where: Place, timestamp: int) -> Headers:
    """What a letter says beside its record. timestamp: the record's, in ms."""
    topic, partition, offset = where
    about = {
        "exception": type(error).__name__,
        "message": str(error)[:MOST_TEXT],
        "stacktrace": stacktrace[-MOST_TEXT:],
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "stage": stage,
        "reason": reason_of(error),
        "timestamp": str(timestamp),
    }
    return tuple((PREFIX + name, about[name].encode(errors="backslashreplace")) for name in NAMES)


def reason_of(error: Exception) -> str:
    """An error code, or the kind of error."""
    return getattr(error, "code", None) or type(error).__name__


def settled_headers(where: Place, settled: Settled) -> Headers:
    """What the record says by which a letter is settled."""
    topic, partition, offset = where
    about = {"topic": topic, "partition": str(partition), "offset": str(offset), "settled": settled}
    return tuple((PREFIX + name, text.encode()) for name, text in about.items())


def read_letter(
    namespace: str, key: bytes | None, value: bytes | None, headers: Headers
) -> Letter | tuple[Origin, Settled] | None:
    """A record of the topic: a letter, or what became of one; None for one that is neither.

    Only a letter has an exception: its record cannot pass for what became of another by its own headers.
    """
    about = {name.removeprefix(PREFIX): text or b"" for name, text in headers if name.startswith(PREFIX)}
    try:
        origin = _origin(namespace, about)
        if "exception" in about:
            texts = {name: about[name].decode() for name in NAMES}
            return Letter(
                origin=origin,
                timestamp=int(texts["timestamp"]),
                stage=texts["stage"],
                reason=texts["reason"],
                exception=texts["exception"],
                message=texts["message"],
                stacktrace=texts["stacktrace"],
                key=key,
                value=value,
                headers=headers[: -len(NAMES)],  # ours come last, whatever the record's own are called
            )
        settled = about["settled"].decode()
    except (KeyError, ValueError):
        return None
    return (origin, cast(Settled, settled)) if settled in get_args(Settled) else None


def told_batch(topic: str, headers: Headers) -> tuple[str, str, int] | None:
    """User, task and batch that a record between plan and store is about: its task is told of a failure."""
    found = dict(headers)
    user, task, batch = (found.get(name) for name in ("user", "task", "batch"))
    if topic not in {one.name for one in BATCH_TOPICS} or not (user and task and batch):
        return None
    try:
        told = user.decode(), task.decode(), int(batch)
    except ValueError:  # headers that we never write
        return None
    return told if 0 <= told[2] < 1 << 31 else None


def batch_failed(topic: str, headers: Headers, error: RecordError) -> BatchFailed | None:
    """What tells the task of a record that its batch cannot go on; None for a record of no batch."""
    if (told := told_batch(topic, headers)) is None:
        return None
    user, task, batch = told
    if isinstance(error, BatchImpossible):
        return BatchFailed(task, user, batch, error.code, error.message[:MOST_TEXT])
    return BatchFailed(task, user, batch, "dead_letter", str(error)[:MOST_TEXT])


class Limit:
    """How many letters in how much time are still a matter of single records, and not of a bad program."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._times: deque[float] = deque()

    def passed(self, now: float) -> bool:
        """Count one more letter at this moment, in seconds; whether it is one too many."""
        self._times.append(now)
        while self._times[0] <= now - self.seconds:
            self._times.popleft()
        return len(self._times) > self.most


def _origin(namespace: str, about: Mapping[str, bytes]) -> Origin:
    topic = about["topic"].decode().removeprefix(f"{namespace}.")
    return Origin(topic, int(about["partition"]), int(about["offset"]))


def _task_of_request(letter: Letter) -> str | None:
    try:
        request = parse_request(letter.value)
    except RequestInvalid as invalid:
        if invalid.user_id is None:
            return None
        if invalid.request_id is None:
            return record_task_id(letter.origin.topic, letter.origin.partition, letter.origin.offset)
        return task_id(invalid.user_id, invalid.request_id)
    return request.task_id if request.type == "cancel" else task_id(request.user_id, request.request_id)
