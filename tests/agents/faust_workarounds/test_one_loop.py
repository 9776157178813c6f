"""When the next fetch is asked for (F18); that the consumer has no thread is told in test_story.py."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aiokafka.consumer.fetcher import Fetcher

from agents.faust_workarounds import one_loop
from agents.faust_workarounds.one_loop import TURNS, f18_fetch_after_the_steps
from tests.agents.faust_workarounds.originals import faust_with

PATIENT = 60.0


def _fetcher(waiting: "asyncio.Future[None] | None", in_flight: set[int]) -> SimpleNamespace:
    """Of two brokers, with requests out to some. waiting: for records to be taken."""
    client = SimpleNamespace(cluster=SimpleNamespace(brokers=lambda: {1, 2}))
    return SimpleNamespace(_wait_consume_future=waiting, _in_flight=in_flight, _client=client)


async def _turns_until_asked_for(consumed: bool) -> int:
    """Turns of the loop from the moment when records are taken until the fetcher is woken."""
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    Fetcher._notify(_fetcher(woken if consumed else None, {1}), woken)
    turns = 0
    while not woken.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


@pytest.mark.parametrize(
    ("patches", "turns"), [((), 0), ((f18_fetch_after_the_steps,), TURNS)], ids=["aiokafka's own", "ours"]
)
async def test_f18_the_next_fetch_is_asked_for_after_the_steps(
    patches: tuple[Callable[[], None], ...], turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka's own prepares it before a step has the record."""
    monkeypatch.setattr(one_loop, "MOST_SECONDS", PATIENT)
    with faust_with(*patches):
        assert await _turns_until_asked_for(consumed=True) == turns


async def test_f18_where_turns_are_long_it_waits_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with much to do fetches all the same."""
    monkeypatch.setattr(one_loop, "MOST_SECONDS", 0)
    with faust_with(f18_fetch_after_the_steps):
        assert await _turns_until_asked_for(consumed=True) == 0


async def test_f18_whoever_waits_for_records_is_woken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are there."""
    monkeypatch.setattr(one_loop, "MOST_SECONDS", PATIENT)
    with faust_with(f18_fetch_after_the_steps):
        assert await _turns_until_asked_for(consumed=False) == 0


async def test_f18_with_a_request_out_to_every_broker_there_is_nothing_to_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fetcher looks through all partitions when the answers come."""
    monkeypatch.setattr(one_loop, "MOST_SECONDS", PATIENT)
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with faust_with(f18_fetch_after_the_steps):
        Fetcher._notify(_fetcher(waiting, {1, 2}), waiting)
        for _ in range(2 * TURNS):
            await asyncio.sleep(0)

        assert not waiting.done()
