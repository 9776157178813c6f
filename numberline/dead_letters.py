"""The dead letters of an installation: finds them, sends them again, and notes what became of each."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from aiokafka import AIOKafkaProducer

from numberline.client import signing_rules
from numberline.kafka import kafka_producer
from numberline.records import read_to_end
from pipeline.dead_letters import Letter, Origin, Settled, read_letter, settled_headers
from pipeline.settings import Settings
from pipeline.tokens import sign
from schemas import topics


@dataclass(frozen=True)
class Choice:
    """Which letters are meant; what is empty excludes none. since, until: ms since the epoch, of the letter."""

    origins: frozenset[Origin] = frozenset()
    reasons: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    task: str | None = None
    since: int | None = None
    until: int | None = None

    def takes(self, letter: Letter, at: int) -> bool:
        """Whether a letter of this record time is meant."""
        return (
            (not self.origins or letter.origin in self.origins)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.stages or letter.stage in self.stages)
            and (self.since is None or self.since <= at)
            and (self.until is None or at < self.until)
            and (self.task is None or letter.task == self.task)
        )


@dataclass(frozen=True)
class Found:
    """A letter without its value, when it came (ms), where it lies, and what became of it."""

    letter: Letter
    task: str | None
    at: int
    place: tuple[int, int]
    settled: Settled | None = None


async def find(settings: Settings, choice: Choice) -> list[Found]:
    """The letters that are meant, oldest first, each once however often it was sent.  Raises NotReachable."""
    found: dict[Origin, Found] = {}
    settled: dict[Origin, Settled] = {}
    async for record in read_to_end(settings, _topic(settings), since_ms=choice.since):
        match read_letter(settings.namespace, record.key, record.value, tuple(record.headers)):
            case Letter() as letter if choice.takes(letter, record.timestamp):
                place = record.partition, record.offset
                one = Found(replace(letter, value=None), letter.task, record.timestamp, place)
                found.setdefault(letter.origin, one)
            case (origin, became):
                settled[origin] = became
    return sorted((replace(one, settled=settled.get(o)) for o, one in found.items()), key=lambda one: one.at)


async def whole(settings: Settings, found: Iterable[Found]) -> AsyncIterator[tuple[Found, Letter]]:
    """These letters again, with their values.  Raises NotReachable."""
    wanted = {one.place: one for one in found}
    since = min((one.at for one in wanted.values()), default=None)
    async for record in read_to_end(settings, _topic(settings), since_ms=since):
        if one := wanted.get((record.partition, record.offset)):
            letter = read_letter(settings.namespace, record.key, record.value, tuple(record.headers))
            assert isinstance(letter, Letter)
            yield one, letter


async def replay(settings: Settings, found: Sequence[Found], each: Callable[[], None]) -> None:
    """Send the records of these letters again, to their partitions, and note it. each: told of every one.

    A request that needs a signature gets one by the installation's secret. Sent twice, should this be
    interrupted between a record and its note, it means the same. Raises NotReachable, SettingsInvalid.
    """
    async with kafka_producer(settings) as producer:
        async for one, letter in whole(settings, found):
            headers = list(letter.headers)
            if letter.origin.topic == topics.REQUESTS.name and settings.auth_requests == "required":
                headers += _authorization(settings, letter)
            await producer.send_and_wait(
                f"{settings.namespace}.{letter.origin.topic}",
                letter.value,
                letter.key,
                partition=letter.origin.partition,
                headers=headers,
            )
            await _note(settings, producer, one, "replayed")
            each()


async def discard(settings: Settings, found: Sequence[Found], each: Callable[[], None]) -> None:
    """Note that nothing is to be done about these letters. each: told of every one.  Raises NotReachable."""
    async with kafka_producer(settings) as producer:
        for one in found:
            await _note(settings, producer, one, "discarded")
            each()


def _topic(settings: Settings) -> str:
    return topics.topic_name(settings.namespace, topics.DEADLETTERS)


def _authorization(settings: Settings, letter: Letter) -> list[tuple[str, bytes]]:
    """The operator's, in the name of the request's user; none where no user can be read."""
    if (user := letter.user) is None:
        return []
    token = sign(signing_rules(settings), user, time.time(), body=letter.value or b"")
    return [("authorization", f"Bearer {token}".encode())]


async def _note(settings: Settings, producer: AIOKafkaProducer, one: Found, settled: Settled) -> None:
    """What became of a letter is a record after it in its partition, and expires after it."""
    origin = one.letter.origin
    where = f"{settings.namespace}.{origin.topic}", origin.partition, origin.offset
    headers = list(settled_headers(where, settled))
    key = one.letter.key or b""  # aiokafka sends nothing without key and value
    await producer.send_and_wait(_topic(settings), None, key, partition=one.place[0], headers=headers)
