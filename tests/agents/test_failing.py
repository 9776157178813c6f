"""What goes wrong in a step: what belongs to its record goes to the dead letters, the rest ends the worker."""

import asyncio

import pytest

from agents.delivery import Delivery, pure
from pipeline.dead_letters import Headers, batch_failed
from pipeline.errors import BatchImpossible, StepFailed, Unavailable, Unreadable
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.partitions import partition_for
from tests.agents.sending import BATCH, PARTITIONS, Producer, raising, record


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


def test_batches_of_every_step_between_plan_and_store_can_be_told() -> None:
    """allocate, enrich and store all read topics of batches."""
    for topic in (topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS):
        assert batch_failed(topic.name, BATCH, StepFailed("x")) is not None
