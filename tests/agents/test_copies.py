"""When the copy of a message goes to the broker, beside the next step that it is handed to."""

import asyncio
from types import SimpleNamespace

import pytest

from agents.delivery import Delivery
from agents.handoff import SMALL_BYTES, Handoff
from agents.records import Outgoing, Record
from pipeline.errors import Unreadable
from pipeline.metrics import WorkerMetrics
from schemas import topics
from tests.agents.sending import BATCH, PARTITIONS, Producer


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
