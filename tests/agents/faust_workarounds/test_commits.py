"""What is committed at work (F1), and at last (F8)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from faust.types import TP

from agents.faust_workarounds.commits import f1_commit_only_what_is_acked, f8_commit_before_partitions_go
from tests.agents.faust_workarounds.fakes import EVENTS, FakeConsumer, fake_app
from tests.agents.faust_workarounds.originals import faust_with

F1 = f1_commit_only_what_is_acked
F8 = f8_commit_before_partitions_go


@pytest.fixture
def with_f1() -> Iterator[None]:
    """Faust with the workaround for F1."""
    with faust_with(F1):
        yield


async def _second_acked_first(committed: int | None) -> dict[TP, int]:
    """What is committed when the second of two records is acked and the first still at work."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    consumer._committed_offset[EVENTS] = committed
    first = committed or 0
    await consumer.deliver(first)
    second = await consumer.deliver(first + 1)
    second.ack(consumer)
    await consumer.commit()
    return consumer.committed


@pytest.mark.parametrize(("committed", "lost"), [(None, 2), (5, 7)])
async def test_f1_fausts_own_code_commits_past_a_record_at_work(committed: int | None, lost: int) -> None:
    """The first record of a partition, and the one at the committed offset."""
    with faust_with():
        assert await _second_acked_first(committed) == {EVENTS: lost}


@pytest.mark.parametrize("committed", [None, 5])
async def test_f1_nothing_is_committed_past_a_record_at_work(with_f1: None, committed: int | None) -> None:
    """The lowest record not acked is where a restart begins."""
    assert (await _second_acked_first(committed)).get(EVENTS, committed or 0) == (committed or 0)


async def test_f1_what_is_acked_is_committed(with_f1: None) -> None:
    """As far as the lowest that is not, over gaps in the log, and at last past all."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    messages = [await consumer.deliver(offset) for offset in (3, 4, 7, 9)]

    commits = []
    for acked in (1, 0, 3, 2):
        messages[acked].ack(consumer)
        await consumer.commit()
        commits.append(consumer.committed[EVENTS])
    assert commits == [3, 7, 7, 10]


async def test_f1_a_seek_forgets_what_was_delivered(with_f1: None) -> None:
    """All that is not committed comes again; the old deliveries must neither hold back nor advance it."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    for offset in (0, 1, 2):
        await consumer.deliver(offset)
    await consumer.perform_seek()
    again = await consumer.deliver(0)
    again.ack(consumer)
    await consumer.commit()
    assert consumer.committed == {EVENTS: 1}


async def test_f1_a_revoked_partition_is_forgotten(with_f1: None) -> None:
    """When it comes back, it begins at another offset."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    await consumer.deliver(0)
    await consumer.on_partitions_revoked({EVENTS})
    again = await consumer.deliver(8)
    again.ack(consumer)
    await consumer.commit()
    assert consumer.committed == {EVENTS: 9}


async def _committed_at_revocation() -> dict[Any, int]:
    consumer = FakeConsumer(fake_app(), {EVENTS})
    for offset in (0, 1):
        (await consumer.deliver(offset)).ack(consumer)
    await consumer.on_partitions_revoked({EVENTS})
    return consumer.committed


async def test_f8_fausts_own_code_commits_nothing_at_a_revocation() -> None:
    """What was acked since the last commit is forgotten first, and done again by whoever gets the partition."""
    with faust_with(F1):
        assert await _committed_at_revocation() == {}


async def test_f8_what_is_acked_is_committed_before_a_partition_goes() -> None:
    """All of it."""
    with faust_with(F1, F8):
        assert await _committed_at_revocation() == {EVENTS: 2}


async def _committed_with_unread(*unread: tuple[str, int, int]) -> dict[Any, int]:
    """Of four records the second waits for its agent, the fourth is not delivered, when partitions go."""
    app = fake_app()

    async def before_last_commit() -> list[tuple[str, int, int]]:
        return list(unread)

    app.before_last_commit = before_last_commit
    consumer = FakeConsumer(app, {EVENTS})
    messages = [await consumer.deliver(offset) for offset in (0, 1, 2)]
    for one in (0, 2):
        messages[one].ack(consumer)
    del messages
    await consumer.on_partitions_revoked({EVENTS})
    return consumer.committed


@pytest.mark.parametrize(
    ("unread", "committed"),
    [((), 1), ((1,), 3), ((1, 3), 4), ((3,), 1), ((1, 4), 3)],
    ids=["none", "waiting", "waiting and next", "next alone", "waiting and one after a gap"],
)
async def test_f8_what_is_done_and_was_not_read_is_committed(unread: tuple[int, ...], committed: int) -> None:
    """As far as there is no record in between that somebody must read."""
    with faust_with(F1, F8):
        assert await _committed_with_unread(*((*EVENTS, offset) for offset in unread)) == {EVENTS: committed}


async def test_f8_so_is_what_is_done_before_anything_was_read() -> None:
    """Partitions that came a moment ago go again, and what was made of them has been handed on already."""
    with faust_with(F1, F8):
        app = fake_app()

        async def before_last_commit() -> list[tuple[str, int, int]]:
            return [(*EVENTS, 5)]

        app.before_last_commit = before_last_commit
        consumer = FakeConsumer(app, {EVENTS})
        consumer.committed[EVENTS] = 5
        await consumer.seek_to_last_commit()
        await consumer.on_partitions_revoked({EVENTS})
        assert consumer.committed == {EVENTS: 6}


async def _committed_at_last() -> dict[Any, int]:
    """A record is acked while a commit is under way; then comes the last commit."""
    consumer = FakeConsumer(fake_app(), {EVENTS})
    first, second = await consumer.deliver(0), await consumer.deliver(1)
    first.ack(consumer)
    under_way, go_on = asyncio.Event(), asyncio.Event()
    commit = consumer._commit

    async def slow(offsets: Any) -> bool:
        under_way.set()
        await go_on.wait()
        return await commit(offsets)

    consumer._commit = slow  # type: ignore[method-assign]
    committing = asyncio.create_task(consumer.commit())
    await under_way.wait()
    second.ack(consumer)
    last = asyncio.create_task(consumer.commit_and_end_transactions())
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(committing, last)
    return consumer.committed


async def test_f8_fausts_own_last_commit_is_the_one_under_way() -> None:
    """It returns without doing anything."""
    with faust_with(F1):
        assert await _committed_at_last() == {EVENTS: 1}


async def test_f8_the_last_commit_has_everything() -> None:
    """It waits for the one under way, and commits what came since."""
    with faust_with(F1, F8):
        assert await _committed_at_last() == {EVENTS: 2}


async def test_f8_a_fetch_that_is_cut_short_forgets_nothing() -> None:
    """The flow is stopped at a rebalance and at the end, and the last commit is still to come."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        (await consumer.deliver(0)).ack(consumer)
        consumer.stop_flow()
        await consumer.perform_seek()
        await consumer.commit()
        assert consumer.committed == {EVENTS: 1}


async def test_f8_recovery_seeks_though_the_flow_is_stopped_again() -> None:
    """A rebalance that begins meanwhile stops it; what was fetched and dropped is fetched again all the same."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        seeks: list[None] = []
        consumer.on_seek = lambda: seeks.append(None)
        consumer.stop_flow()
        await consumer.perform_seek()
        assert seeks == []
        await consumer.seek_to_last_commit()
        assert len(seeks) == 1


async def test_f8_what_an_old_fetch_delivers_after_a_revocation_is_not_committed() -> None:
    """It lies beyond records that were dropped, and whoever has the partition now would never get them."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        for offset in (0, 1):
            (await consumer.deliver(offset)).ack(consumer)
        await consumer.on_partitions_revoked({EVENTS})
        late = await consumer.deliver(8)
        await consumer.commit()
        assert not late.acked
        assert consumer.committed == {EVENTS: 2}


async def test_f8_an_old_delivery_out_of_order_holds_back_the_commit() -> None:
    """Never past the lowest record at work, in whatever order they came."""
    with faust_with(F1, F8):
        consumer = FakeConsumer(fake_app(), {EVENTS})
        await consumer.deliver(8)
        await consumer.deliver(4)
        (await consumer.deliver(3)).ack(consumer)
        await consumer.commit()
        assert consumer.committed == {EVENTS: 4}
