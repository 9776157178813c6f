"""What is handed to the next step: done once, acknowledged by its copy, and done again where it failed."""

import asyncio

import pytest

from agents.handoff import MOST, MOST_SMALL, SMALL_BYTES, Handoff
from agents.records import Record
from pipeline.errors import Unavailable, Unreadable


def message(batch: int, offset: int = -1, value: bytes = b"value") -> Record:
    """A message of a batch; the copy that the broker brings has an offset."""
    headers = (("user", b"ann"), ("task", b"task"), ("batch", str(batch).encode()))
    return Record("test.numbers", 3, offset, 0, b"212", value, headers)


class Handing:
    """A handoff to a step that waits until it is let go, and raises what the test wants."""

    def __init__(self) -> None:
        self.begun: list[bytes | None] = []
        self.failures: list[Exception] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.handoff = Handoff(self._attempt, self._failed)

    async def _attempt(self, record: Record) -> None:
        self.begun.append(record.header("batch"))
        await self.go.wait()
        if self.error:
            raise self.error

    async def _failed(self, error: Exception) -> None:
        self.failures.append(error)


@pytest.fixture
async def handing() -> Handing:
    """A step that nothing was handed to."""
    return Handing()


async def test_the_copy_waits_for_what_was_handed_over(handing: Handing) -> None:
    """And is dealt with then: its step does not run again."""
    handing.handoff.offer(message(0))
    copy = asyncio.create_task(handing.handoff.dealt_with(message(0, offset=17)))
    await asyncio.sleep(0)
    assert handing.begun == [b"0"]
    assert not copy.done()

    handing.go.set()

    assert await copy


async def test_a_record_that_was_not_handed_over_takes_the_long_way(handing: Handing) -> None:
    """A replay after a restart, for example; so does a second copy of what was handed over once."""
    handing.go.set()
    assert not await handing.handoff.dealt_with(message(0, offset=17))
    handing.handoff.offer(message(1))
    assert await handing.handoff.dealt_with(message(1, offset=18))

    assert not await handing.handoff.dealt_with(message(1, offset=19))


async def test_a_record_error_waits_for_the_copy(handing: Handing) -> None:
    """Which becomes the dead letter, for it knows its offset; the worker goes on."""
    handing.error = Unreadable("no event")
    handing.go.set()
    handing.handoff.offer(message(0))

    assert not await handing.handoff.dealt_with(message(0, offset=17))
    assert not handing.failures


async def test_any_other_error_ends_the_worker(handing: Handing) -> None:
    """As it does where the record came from the broker."""
    handing.error = Unavailable("commit of PostgreSQL", 30)
    handing.go.set()
    handing.handoff.offer(message(0))
    await asyncio.sleep(0.001)

    assert handing.failures == [handing.error]


async def test_the_same_message_is_handed_over_once_at_a_time(handing: Handing) -> None:
    """Whoever sends it again meanwhile changes nothing."""
    handing.handoff.offer(message(0))
    handing.handoff.offer(message(0))
    handing.go.set()
    await handing.handoff.settled()

    assert handing.begun == [b"0"]


@pytest.mark.parametrize(("value", "most"), [(bytes(SMALL_BYTES), MOST_SMALL), (bytes(SMALL_BYTES + 1), MOST)])
async def test_no_more_are_handed_over_than_fit(handing: Handing, value: bytes, most: int) -> None:
    """Further messages are read from the broker, when their turn comes."""
    for batch in range(most + 1):
        handing.handoff.offer(message(batch, value=value))
    await asyncio.sleep(0)

    assert len(handing.begun) == most
    handing.go.set()
    assert not await handing.handoff.dealt_with(message(most, offset=17, value=value))
    await handing.handoff.settled()


async def test_large_messages_leave_small_ones_their_places(handing: Handing) -> None:
    """And small ones those of large ones."""
    large = bytes(SMALL_BYTES + 1)
    for batch in range(MOST + 9):
        handing.handoff.offer(message(batch, value=large))
    small = [handing.handoff.offer(message(1000 + batch)) for batch in range(MOST_SMALL + 9)]
    assert [event is not None for event in small] == [True] * MOST_SMALL + [False] * 9
    handing.go.set()
    assert await handing.handoff.dealt_with(message(0, offset=17, value=large))
    assert handing.handoff.offer(message(MOST, value=large)) is not None
    assert handing.handoff.offer(message(1000 + MOST_SMALL)) is None
    await handing.handoff.settled()


async def test_before_a_rebalance_all_comes_to_rest(handing: Handing) -> None:
    """And copies are expected no longer: another worker may get them."""
    handing.handoff.offer(message(0))
    settled = asyncio.create_task(handing.handoff.settled())
    await asyncio.sleep(0)
    assert not settled.done()

    handing.go.set()
    await settled

    assert not await handing.handoff.dealt_with(message(0, offset=17))


async def test_after_a_rebalance_nobody_reads_what_is_done(handing: Handing) -> None:
    """Where the broker has put the copy; not of one that has come, has failed, or is not acknowledged yet."""
    handing.go.set()
    for batch in range(3):
        handing.handoff.offer(message(batch))
    for batch, offset in ((1, 18), (0, 17)):
        handing.handoff.placed(message(batch), offset)
    handing.handoff.placed(message(9), 99)
    assert await handing.handoff.settled() == [("test.numbers", 3, 17), ("test.numbers", 3, 18)]
    assert await handing.handoff.settled() == []

    handing.handoff.offer(message(4))
    handing.handoff.placed(message(4), 20)
    assert await handing.handoff.dealt_with(message(4, offset=20))
    handing.error = Unreadable("no event")
    handing.handoff.offer(message(5))
    handing.handoff.placed(message(5), 21)
    assert await handing.handoff.settled() == []


@pytest.mark.parametrize("before", [0, 1], ids=["the first", "a later one"])
async def test_a_worker_that_stops_waits_for_the_copies(handing: Handing, before: int) -> None:
    """So that its successor has nothing to do again; and takes no more. What was empty before says nothing."""
    handing.go.set()
    for batch in range(before):
        handing.handoff.offer(message(-1 - batch))
        assert await handing.handoff.dealt_with(message(-1 - batch, offset=16))
    handing.begun.clear()
    handing.handoff.offer(message(0))
    emptied = asyncio.create_task(handing.handoff.emptied())
    await asyncio.sleep(0.001)
    assert not emptied.done()
    handing.handoff.offer(message(1))

    assert await handing.handoff.dealt_with(message(0, offset=17))
    await emptied

    assert handing.begun == [b"0"]


async def test_a_worker_that_leaves_waits_for_the_last_copy(
    handing: Handing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for the first of them, and no longer than for the last."""
    monkeypatch.setattr("agents.handoff.LEAVE_SECONDS", 3600)
    handing.go.set()
    for batch in (0, 1):
        handing.handoff.offer(message(batch))
    emptied = asyncio.create_task(handing.handoff.emptied())

    assert await handing.handoff.dealt_with(message(0, offset=17))
    await asyncio.sleep(0.001)
    assert not emptied.done()
    assert await handing.handoff.dealt_with(message(1, offset=18))

    await asyncio.wait_for(emptied, 10)
