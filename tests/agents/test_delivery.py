"""The delivery runtime: what is sent, in which order, when a record may be acknowledged, and what goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agents.delivery import Delivery, pure
from agents.handoff import SMALL_BYTES, Handoff
from agents.producers import StepProducer
from agents.records import Outgoing, Record
from agents.registration import run_beside
from pipeline.dead_letters import Headers, batch_failed
from pipeline.errors import BatchImpossible, StepFailed, Unavailable, Unreadable
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.partitions import partition_for

PARTITIONS = 8
BATCH = (("user", b"ann"), ("task", b"1b4e28ba-2fa1-51d2-883f-0016d3cca427"), ("batch", b"7"))


class Producer(StepProducer):
    """Takes messages and acknowledges each when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.acknowledgements: list[asyncio.Future[Any]] = []
        self.arrived = asyncio.Semaphore(0)  # one release a message
        self.at_once = True

    async def send(self, *message: Any) -> Awaitable[Any]:
        """As `StepProducer`: topic, key, value, partition, headers."""
        self.sent.append(message)
        self.arrived.release()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.at_once:
            future.set_result(SimpleNamespace(offset=len(self.sent)))
        self.acknowledgements.append(future)
        return future


class App:
    """What runs beside the steps uses of a Faust application."""

    def __init__(self) -> None:
        self.should_stop = False
        self.beside: list[Callable[[], Awaitable[None]]] = []
        self.crashed: list[Exception] = []

    def task(self, run: Callable[[], Awaitable[None]]) -> None:
        """Begun by the test."""
        self.beside.append(run)

    async def crash(self, error: Exception) -> None:
        """Remember why."""
        self.crashed.append(error)


class Handing:
    """Numbers handed over to a store that writes to a database, when it may, and tells of it."""

    def __init__(self, producer: Producer, metrics: WorkerMetrics) -> None:
        self._producer, self._seen = producer, list[str]()
        self.database = asyncio.Event()
        self.database.set()
        self.handoff = Handoff(self._store, self._failed)
        self.delivery = Delivery(producer, "test", PARTITIONS, 60, metrics, handoffs={topics.NUMBERS: self.handoff})

    def order(self) -> list[str]:
        """What has happened: the numbers were sent, stored, the task told."""
        self._see()
        return self._seen

    async def _store(self, record: Record) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.database.wait()
        self._see()
        self._seen.append("stored")
        await self.delivery.send(Outgoing(topics.TASK_EVENTS, b"ann", b"stored", "ann"))

    async def _failed(self, error: Exception) -> None:
        raise error

    def _see(self) -> None:
        sent = sum(one != "stored" for one in self._seen)
        for topic, *_ in self._producer.sent[sent:]:
            self._seen.append("copy" if topic == "test.numbers" else "told")


@pytest.fixture
def producer() -> Producer:
    """One that the test controls."""
    return Producer()


@pytest.fixture
def delivery(producer: Producer, metrics: WorkerMetrics) -> Delivery:
    """A delivery of eight partitions and a deadline that no test waits for."""
    return Delivery(producer, "test", PARTITIONS, 60, metrics)


def record(
    topic: str = "test.numbers",
    headers: Headers = BATCH,
    value: bytes | None = b"\x00value",
    key: bytes | None = b"212",
) -> Record:
    """A record of partition 3, offset 42."""
    return Record(topic, 3, 42, 1_700_000_000_123, key, value, headers)


def raising(error: BaseException) -> Any:
    """A step that raises."""

    async def step(_: Record) -> None:
        raise error

    return step


def message(value: bytes, partition_key: str) -> Outgoing:
    """A message that is known by its value."""
    return Outgoing(topics.NUMBERS, b"key", value, partition_key, (("task", b"x"),))


async def test_a_record_error_sends_the_whole_record_to_the_dead_letters(
    producer: Producer, delivery: Delivery
) -> None:
    """Key, value and headers are as they were, the authorization aside, and headers say why and where from."""
    headers = (*BATCH, ("Authorization", b"Bearer secret"), ("authorization", b"secret"), ("empty", b""))

    await delivery.process("store", raising(Unreadable("no event")), record(headers=headers))

    topic, key, value, partition, sent = producer.sent[0]
    assert (topic, key, value) == ("test.deadletters", b"212", b"\x00value")
    assert partition in range(PARTITIONS)
    found = dict(sent)
    assert found.pop("__streams.errors.stacktrace").startswith(b"Traceback")
    assert found == {
        "user": b"ann",
        "task": b"1b4e28ba-2fa1-51d2-883f-0016d3cca427",
        "batch": b"7",
        "empty": b"",
        "__streams.errors.exception": b"Unreadable",
        "__streams.errors.message": b"no event",
        "__streams.errors.topic": b"test.numbers",
        "__streams.errors.partition": b"3",
        "__streams.errors.offset": b"42",
        "__streams.errors.stage": b"store",
        "__streams.errors.reason": b"Unreadable",
        "__streams.errors.timestamp": b"1700000000123",
    }


async def test_a_tombstone_stays_one_in_the_dead_letters(producer: Producer, delivery: Delivery) -> None:
    """A dead letter is the record as it was: no value is not an empty value."""
    await delivery.process("intake", raising(Unreadable("empty")), record(value=None, key=None))

    assert producer.sent[0][1:3] == (None, None)


async def test_the_task_of_a_dead_batch_is_told(producer: Producer, delivery: Delivery) -> None:
    """The headers name the batch, so that the value need not be readable."""
    await delivery.process("store", raising(Unreadable("no event")), record())

    assert [sent[0] for sent in producer.sent] == ["test.deadletters", "test.task-events"]
    _, key, value, partition, headers = producer.sent[1]
    assert codec.decode(value) == events.BatchFailed(
        "1b4e28ba-2fa1-51d2-883f-0016d3cca427", "ann", 7, "dead_letter", "no event"
    )
    assert (key, partition) == (b"ann", partition_for("ann", PARTITIONS))
    assert tuple(headers) == BATCH


async def test_an_impossible_batch_tells_its_own_reason(producer: Producer, delivery: Delivery) -> None:
    """Its code and message reach the user; the dead letter and the metric bear the code too."""
    await delivery.process("store", raising(BatchImpossible("ledger_conflict", "held already")), record())

    told = codec.decode(producer.sent[1][2])
    assert isinstance(told, events.BatchFailed)
    assert (told.code, told.message) == ("ledger_conflict", "held already")
    assert dict(producer.sent[0][4])["__streams.errors.reason"] == b"ledger_conflict"


async def test_dead_letters_are_counted(delivery: Delivery, metrics: WorkerMetrics) -> None:
    """By step and reason; the record counts as dealt with, and its batch, where it is one, as failed."""
    await delivery.process("store", raising(BatchImpossible("ledger_conflict", "held already")), record())
    await delivery.process("intake", raising(Unreadable("empty")), record("test.requests"))

    assert metrics.dead_letters.labels("store", "ledger_conflict")._value.get() == 1
    assert metrics.dead_letters.labels("intake", "Unreadable")._value.get() == 1
    assert metrics.records.labels("store")._value.get() == 1
    assert metrics.batches.labels("failed")._value.get() == 1


@pytest.mark.parametrize(
    ("topic", "headers"),
    [
        ("test.requests", BATCH),  # a user may send such headers
        ("test.task-events", BATCH),
        ("test.numbers", BATCH[:2]),
        ("test.numbers", (("user", b"ann"), ("task", b"x"), ("batch", b"seven"))),
        ("test.numbers", (("user", b"ann"), ("task", b"\xff"), ("batch", b"7"))),
        ("test.numbers", (("user", b"ann"), ("task", b"x"), ("batch", b"9" * 30))),
        ("test.numbers", (("user", b"ann"), ("task", b"x"), ("batch", b"-1"))),
    ],
)
async def test_nobody_is_told_of_a_record_without_a_readable_batch(
    producer: Producer, delivery: Delivery, topic: str, headers: Headers
) -> None:
    """It goes to the dead letters all the same, and the next record follows."""
    await delivery.process("step", raising(StepFailed("broken")), record(topic, headers))

    assert [sent[0] for sent in producer.sent] == ["test.deadletters"]


async def test_another_exception_ends_the_step_and_sends_nothing(producer: Producer, delivery: Delivery) -> None:
    """It is no property of the record: the process is to end, and the record to come again."""
    with pytest.raises(OSError, match="disk"):
        await delivery.process("store", raising(OSError("disk")), record())
    with pytest.raises(Unavailable):
        await delivery.process("store", raising(Unavailable("commit", 1)), record())
    assert producer.sent == []


def test_what_a_pure_function_raises_belongs_to_the_record() -> None:
    """Its exception becomes a StepFailed; our own errors and a lack of memory pass unchanged."""
    with pytest.raises(StepFailed, match=r"^KeyError\('x'\)$"), pure():
        raise KeyError("x")
    with pytest.raises(Unreadable), pure():
        raise Unreadable("no event")
    with pytest.raises(Unavailable), pure():
        raise Unavailable("program that draws by version 9", 0)
    with pytest.raises(MemoryError), pure():
        raise MemoryError


async def test_send_returns_only_when_every_message_is_acknowledged(producer: Producer, delivery: Delivery) -> None:
    """All are handed over before the first acknowledgement is waited for."""
    producer.at_once = False
    sending = asyncio.create_task(delivery.send(message(b"1", "212"), message(b"2", "415")))
    await producer.arrived.acquire()
    await producer.arrived.acquire()

    first, second = producer.acknowledgements
    second.set_result(None)
    await asyncio.sleep(0.01)
    assert not sending.done()
    first.set_result(None)
    await sending


async def test_a_refused_message_fails_the_send(producer: Producer, delivery: Delivery) -> None:
    """One refusal among many is an error of the step."""
    producer.at_once = False
    sending = asyncio.create_task(delivery.send(message(b"1", "212"), message(b"2", "415")))
    await producer.arrived.acquire()
    await producer.arrived.acquire()

    producer.acknowledgements[0].set_result(None)
    producer.acknowledgements[1].set_exception(OSError("too large"))
    with pytest.raises(OSError, match="too large"):
        await sending


async def test_a_step_is_done_only_when_its_dead_letter_is_acknowledged(
    producer: Producer, delivery: Delivery
) -> None:
    """Acknowledging the record before would lose it."""
    producer.at_once = False
    processing = asyncio.create_task(delivery.process("store", raising(Unreadable("x")), record(headers=())))
    await producer.arrived.acquire()
    await asyncio.sleep(0.01)
    assert not processing.done()

    producer.acknowledgements[0].set_result(None)
    await processing


async def test_messages_are_sent_in_order_to_the_partitions_of_their_keys(
    producer: Producer, delivery: Delivery
) -> None:
    """The partition is murmur2 of the partition key, given explicitly, whatever the message's key is."""
    keys = ["212", "415", "ann", "212", "671"]

    await delivery.send(*(message(str(at).encode(), key) for at, key in enumerate(keys)))

    assert [sent[2] for sent in producer.sent] == [b"0", b"1", b"2", b"3", b"4"]
    assert [sent[3] for sent in producer.sent] == [partition_for(key, PARTITIONS) for key in keys]
    assert len({sent[3] for sent in producer.sent}) > 1
    assert {(sent[0], sent[1], tuple(sent[4])) for sent in producer.sent} == {
        ("test.numbers", b"key", (("task", b"x"),))
    }


@pytest.mark.parametrize(
    ("size", "order"),
    [(SMALL_BYTES, ["stored", "told", "copy"]), (SMALL_BYTES + 1, ["copy", "stored", "told"])],
    ids=["small", "large"],
)
async def test_a_small_batch_is_stored_and_told_of_before_its_copy_is_sent(
    producer: Producer, metrics: WorkerMetrics, size: int, order: list[str]
) -> None:
    """But not acknowledged: its copy goes once the message is on its way. A large copy does not wait."""
    producer.at_once = False
    handing = Handing(producer, metrics)
    sending = asyncio.create_task(
        handing.delivery.send(Outgoing(topics.NUMBERS, b"212", bytes(size), "212", BATCH))
    )
    for _ in order[1:]:
        await producer.arrived.acquire()

    assert handing.order() == order
    for one in producer.acknowledgements:
        one.set_result(SimpleNamespace(offset=0))
    await sending


async def test_a_copy_does_not_wait_long_for_a_slow_database(
    producer: Producer, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for the acknowledgement of the message is not kept by what it leads to."""
    monkeypatch.setattr("agents.delivery.COPIES_WAIT_SECONDS", 0.01)
    handing = Handing(producer, metrics)
    handing.database.clear()

    await handing.delivery.send(Outgoing(topics.NUMBERS, b"212", b"small", "212", BATCH))

    assert handing.order() == ["copy"]
    handing.database.set()
    await handing.handoff.settled()
    assert handing.order() == ["copy", "stored", "told"]


@pytest.mark.parametrize("error", [Unreadable("no event"), None], ids=["cannot be", "sends nothing"])
async def test_a_copy_does_not_wait_for_a_step_that_has_ended(
    producer: Producer, metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """And sends nothing that it could wait for."""
    monkeypatch.setattr("agents.delivery.COPIES_WAIT_SECONDS", 3600)

    async def store(record: Record) -> None:
        if error:
            raise error

    async def failed(error: Exception) -> None:
        raise error

    handoff = Handoff(store, failed)
    delivery = Delivery(producer, "test", PARTITIONS, 10, metrics, handoffs={topics.NUMBERS: handoff})

    await delivery.send(Outgoing(topics.NUMBERS, b"212", b"small", "212", BATCH))  # past its deadline, if it waited

    assert len(producer.sent) == 1


async def test_a_send_past_its_deadline_is_unavailable(producer: Producer, metrics: WorkerMetrics) -> None:
    """A broker that never acknowledges ends the worker."""
    producer.at_once = False
    delivery = Delivery(producer, "test", PARTITIONS, 0.05, metrics)

    with pytest.raises(Unavailable) as failed:
        await delivery.send(message(b"1", "212"))

    assert str(failed.value) == "no acknowledgement of the broker within 0.05 s"


async def test_a_changelog_write_past_its_deadline_is_unavailable(
    producer: Producer, metrics: WorkerMetrics
) -> None:
    """One write of several that is never acknowledged is enough."""
    delivery = Delivery(producer, "test", PARTITIONS, 0.05, metrics)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)

    await delivery.written(done)
    with pytest.raises(Unavailable) as failed:
        await delivery.written(done, asyncio.get_running_loop().create_future())

    assert str(failed.value) == "no acknowledgement of the changelog within 0.05 s"


async def test_a_changelog_write_that_fails_is_an_error(delivery: Delivery) -> None:
    """What the broker refused is not in the table."""
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    refused.set_exception(OSError("refused"))

    with pytest.raises(OSError, match="refused"):
        await delivery.written(refused)


def test_a_value_that_is_no_event_of_its_topic_is_unreadable() -> None:
    """Bytes, no value, and an event of another topic."""
    cancel = events.CancelRequested("task", "ann", "r1")
    assert record(value=codec.encode(cancel)).event(events.CancelRequested) == cancel
    for value in (b"{}", None, b""):
        with pytest.raises(Unreadable, match="C3 01"):
            record(value=value).event(events.CancelRequested)
    with pytest.raises(Unreadable) as failed:
        record(value=codec.encode(cancel)).event(events.NumbersEnriched)
    assert str(failed.value) == "CancelRequested does not belong on test.numbers"


def test_the_last_header_of_a_name_counts() -> None:
    """As Kafka's clients read them."""
    headers = (("task", b"1"), ("user", b"ann"), ("task", b"2"))
    assert record(headers=headers).header("task") == b"2"
    assert record(headers=headers).header("batch") is None


def test_batches_of_every_step_between_plan_and_store_can_be_told() -> None:
    """allocate, enrich and store all read topics of batches."""
    for topic in (topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS):
        assert batch_failed(topic.name, BATCH, StepFailed("x")) is not None


@pytest.mark.parametrize(
    ("stopping", "ends"), [(False, ["usage: closed"]), (True, [])], ids=["at work", "stopping"]
)
async def test_what_runs_beside_ends_the_worker_unless_it_stops(
    monkeypatch: pytest.MonkeyPatch, stopping: bool, ends: list[str]
) -> None:
    """A worker that was told to stop closes its producers, and leaves with 0 all the same."""
    ended: list[str] = []
    app = App()
    monkeypatch.setattr("agents.registration.end_soon", lambda name, error: ended.append(f"{name}: {error}"))

    async def body() -> None:
        app.should_stop = stopping
        raise OSError("closed")

    run_beside(app, "usage", body)
    await app.beside[0]()

    assert ended == ends
    assert [f"usage: {error}" for error in app.crashed] == ends
