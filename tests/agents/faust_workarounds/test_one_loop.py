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


async def _turns_until_asked_for(consumed: bool) -> int:
    """Turns of the loop from the moment when records are taken until the fetcher is woken."""
    woken = asyncio.get_running_loop().create_future()
    Fetcher._notify(SimpleNamespace(_wait_consume_future=woken if consumed else None), woken)
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
