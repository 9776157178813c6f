"""Time back to work: how long the partitions of a worker that went stand still, measured many times."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from chaos.errors import ChaosError
from chaos.invariants import identity_of
from chaos.reading import Reader
from chaos.system import System
from chaos.waiting import wait_until
from chaos.workers import Worker
from pipeline.settings import Settings
from schemas import topics
from schemas.partitions import partition_for
from schemas.requests import GenerateRequest, encode_request

AREA_CODES = ("201", "212", "213", "305", "312", "404", "415", "512", "602", "617", "702", "713", "818", "904")
USERS = tuple(f"recovery-{number}" for number in range(16))
FIRST_STORED = """
SELECT area_code::text, extract(epoch FROM min(created_at)) FROM batches
WHERE created_at > to_timestamp(%s) GROUP BY area_code
"""
PACE_SECONDS = 0.1  # between two tasks of a partition
QUANTITY = 100
SETTLE_SECONDS = 1.0
BACK_SECONDS = 60.0
WAY_OF_A_REQUEST = (topics.REQUESTS, topics.TASK_EVENTS, topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS)
LOOK_SECONDS = 0.1  # between two looks, which take time from the worker; when a batch was stored PostgreSQL says


@dataclass(frozen=True)
class Way:
    """One way in which a worker goes. name: of it for `--way`. go: returns when it is gone. goal: s, of the 95th
    percentile."""

    name: str
    title: str
    goal: float
    go: Callable[[Worker], None]
    replays: bool = True  # whether records may be processed again


TAKEN_OVER = Way("lost", "kill -9, it stays away: another takes over", 6.0, Worker.kill)
RESTARTED = Way("killed", "kill -9, its supervisor starts it again, state intact", 3.0, Worker.crash)
GRACEFUL = Way("terminated", "SIGTERM, and started when it is gone", 2.0, Worker.stop, replays=False)
WAYS = (TAKEN_OVER, RESTARTED, GRACEFUL)


@dataclass(frozen=True)
class Sample:
    """One time. seconds: until every partition of the worker had its next stored batch. again: records replayed,
    by topic."""

    seconds: float
    again: Counter[str]

    def __str__(self) -> str:
        again = ", ".join(f"{count} of {topic}" for topic, count in sorted(self.again.items()))
        return f"{self.seconds:.2f} s" + (f", again {again}" if again else "")


class Pace:
    """Small tasks in every partition, for as long as it is open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
        self._topic = topics.topic_name(settings.namespace, topics.REQUESTS)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pace":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._producer.flush(BACK_SECONDS)

    def _run(self) -> None:
        of_partition = [
            itertools.cycle([code for code in AREA_CODES if partition_for(code, self._settings.partitions) == one])
            for one in range(self._settings.partitions)
        ]
        users = itertools.cycle(USERS)
        while not self._ended.wait(PACE_SECONDS):
            for codes in of_partition:
                request = GenerateRequest(
                    request_id=uuid.uuid4().hex, user_id=next(users), quantity=QUANTITY, area_code=next(codes)
                )
                self._producer.produce(self._topic, encode_request(request))
            self._producer.poll(0)


def measure(
    system: System, ways: Sequence[Way], repeat: int, show: Callable[[Way, Sample], None]
) -> dict[Way, list[Sample]]:
    """So many samples of each way, in turns.  Raises ChaosError where a worker does not come back.

    With one worker nobody takes over, so that way is left out.
    """
    ways = [way for way in ways if way is not TAKEN_OVER or len(system.workers) > 1]
    samples: dict[Way, list[Sample]] = {way: [] for way in ways}
    replays = Replays(Reader(system.settings))
    with Pace(system.settings):
        system.wait_for_work()
        replays.count()
        for number, way in itertools.product(range(repeat), ways):
            worker = system.workers[number % len(system.workers)]
            seconds = _seconds_away(system, worker, way)
            worker.start()
            worker.wait_ready()
            time.sleep(SETTLE_SECONDS)
            sample = Sample(seconds, replays.count())
            samples[way].append(sample)
            show(way, sample)
            _renew(worker)
            _let_the_waves_end(system.settings, replays)
    return samples


class Replays:
    """Counts what is sent or written a second time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: set[Hashable] = set()

    def count(self) -> Counter[str]:
        """By topic, since it was last asked."""
        again = Counter[str]()
        for topic, entry in self._reader.new_entries():
            if (identity := identity_of(topic, entry)) is not None:
                again[topic] += identity in self._seen
                self._seen.add(identity)
        return +again


def _let_the_waves_end(settings: Settings, replays: Replays) -> None:
    """What a kill leads to comes in waves, and none of it is to count for the next way.

    A request that is taken up again is the one record that is not counted (`identity_of`), but what it leads to is:
    twice all that lies there is dealt with, and nothing of it comes again.
    """
    quiet = 0
    while quiet < 2:
        _wait_until_dealt_with(settings)
        quiet = 0 if replays.count() else quiet + 1


def _wait_until_dealt_with(settings: Settings) -> None:
    """Return when every record that is there now on the way of a request is committed.  Raises ChaosError."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    partitions = [
        TopicPartition(topics.topic_name(settings.namespace, topic), partition)
        for topic in WAY_OF_A_REQUEST
        for partition in range(settings.partitions)
    ]
    latest = admin.list_offsets(dict.fromkeys(partitions, OffsetSpec.latest()))
    ends = {(one.topic, one.partition): end for one, found in latest.items() if (end := found.result().offset)}

    def dealt_with() -> bool:
        group = ConsumerGroupTopicPartitions(settings.namespace)
        committed = admin.list_consumer_group_offsets([group])[settings.namespace].result().topic_partitions
        passed = {(one.topic, one.partition): one.offset for one in committed}
        return all(passed.get(where, 0) >= end for where, end in ends.items())

    wait_until(dealt_with, BACK_SECONDS, "commit of all that is on its way")


def _seconds_away(system: System, worker: Worker, way: Way) -> float:
    """From the signal until each partition of the worker has stored a batch that was begun when it was gone."""
    owned = _partitions_of(system, worker)
    waiting = {code: one for code in AREA_CODES if (one := partition_for(code, system.partitions)) in owned}
    started = time.time()
    way.go(worker)
    gone = time.time()
    if way is GRACEFUL:
        worker.start()
    last, deadline = started, time.monotonic() + BACK_SECONDS
    with psycopg.connect(system.database_url, autocommit=True) as connection:
        while waiting:
            time.sleep(LOOK_SECONDS)
            for code, at in connection.execute(FIRST_STORED, (gone,)):
                if code in waiting:
                    last = max(last, float(at))
                    waiting = {other: one for other, one in waiting.items() if one != waiting[code]}
            if time.monotonic() > deadline:
                raise ChaosError(f"{way.title}: {len(waiting)} area codes were not back within {BACK_SECONDS:g} s")
    return last - started


def _partitions_of(system: System, worker: Worker) -> set[int]:
    admin = AdminClient({"bootstrap.servers": system.settings.kafka_bootstrap_servers})
    group = admin.describe_consumer_groups([system.settings.namespace])[system.settings.namespace].result(10)
    batches = topics.topic_name(system.settings.namespace, topics.BATCHES)
    return {
        assigned.partition
        for member in group.members
        if member.client_id == worker.name
        for assigned in member.assignment.topic_partitions
        if assigned.topic == batches
    }


def _renew(worker: Worker) -> None:
    """A supervisor waits longer before each of several restarts; here each is to be the first."""
    worker.stop()
    worker.start()
    worker.wait_ready()
    time.sleep(SETTLE_SECONDS)
