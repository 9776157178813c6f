"""Sending: in which order, to which partitions, and when a record may be acknowledged."""

import asyncio

import pytest

from agents.delivery import Delivery
from pipeline.errors import Unavailable
from pipeline.metrics import WorkerMetrics
from schemas.partitions import partition_for
from tests.agents.sending import PARTITIONS, Producer, message


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


async def test_a_send_past_its_deadline_is_unavailable(producer: Producer, metrics: WorkerMetrics) -> None:
    """A broker that never acknowledges ends the worker."""
    producer.at_once = False
    delivery = Delivery(producer, "test", PARTITIONS, 0.05, metrics)

    with pytest.raises(Unavailable) as failed:
        await delivery.send(message(b"1", "212"))

    assert str(failed.value) == "no acknowledgement of the broker within 0.05 s"


async def test_a_changelog_write_past_its_deadline_is_unavailable(
    producer: Producer, delivery: Delivery, metrics: WorkerMetrics
) -> None:
    """One write of several that is never acknowledged is enough."""
    impatient = Delivery(producer, "test", PARTITIONS, 0.05, metrics)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)

    await delivery.written(done)
    with pytest.raises(Unavailable) as failed:
        await impatient.written(done, asyncio.get_running_loop().create_future())

    assert str(failed.value) == "no acknowledgement of the changelog within 0.05 s"


async def test_a_changelog_write_that_fails_is_an_error(delivery: Delivery) -> None:
    """What the broker refused is not in the table."""
    refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    refused.set_exception(OSError("refused"))

    with pytest.raises(OSError, match="refused"):
        await delivery.written(refused)
