"""Whose turn it is: in order of arrival and size, with one place that large batches never take."""

import asyncio
from collections.abc import Callable

import pytest

from agents.turns import MOST_SECONDS, SMALL_ROWS, Turns

LARGE = 5_000


class Turned:
    """Turns that are taken and given back when the test says so; `order` is who got one, in that order."""

    def __init__(self, places: int) -> None:
        self.turns, self.order = Turns(places), list[str]()
        self.given_back: Callable[[], object] = lambda: None  # called before whoever is next can run
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, rows: int) -> None:
        """Somebody asks for a turn."""
        self._leave[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._hold(name, rows))
        await asyncio.sleep(0)

    async def go(self, name: str) -> None:
        """The turn is given back, and whoever is next gets it."""
        self._leave[name].set()
        await self._tasks[name]
        await asyncio.sleep(0)

    async def give_up(self, name: str) -> None:
        """Somebody who waits or holds a turn is cancelled."""
        self._tasks[name].cancel()
        await asyncio.wait([self._tasks[name]])
        await asyncio.sleep(0)

    async def _hold(self, name: str, rows: int) -> None:
        async with self.turns.turn(rows):
            self.order.append(name)
            await self._leave[name].wait()
        self.given_back()


async def test_a_small_batch_has_a_place_beside_large_ones() -> None:
    """However many large ones run and wait."""
    turned = Turned(2)
    for name in ("a", "b", "c"):
        await turned.come(name, LARGE)

    await turned.come("small", SMALL_ROWS)

    assert turned.order == ["a", "b", "small"]


async def test_large_batches_never_take_the_place_of_small_ones() -> None:
    """A row more than SMALL_ROWS is large."""
    turned = Turned(1)
    await turned.come("a", LARGE)
    await turned.come("b", SMALL_ROWS + 1)
    assert turned.order == ["a"]

    await turned.go("a")

    assert turned.order == ["a", "b"]


async def test_small_ones_go_first_and_large_ones_in_order() -> None:
    """Where all places are taken."""
    turned = Turned(1)
    await turned.come("a", LARGE)
    await turned.come("small 1", 1)
    for name, rows in (("b", LARGE), ("c", LARGE), ("small 2", 1), ("small 3", 1)):
        await turned.come(name, rows)
    assert turned.order == ["a", "small 1"]

    for name in ("a", "small 1", "small 2", "small 3"):
        await turned.go(name)

    assert turned.order == ["a", "small 1", "small 2", "small 3", "b"]


async def test_a_large_batch_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones that come long after it let it go first."""
    now = [1000.0]
    monkeypatch.setattr("agents.turns._now", lambda: now[0])
    turned = Turned(1)
    for name, rows in (("a", LARGE), ("small 1", 1), ("large", LARGE)):
        await turned.come(name, rows)
    now[0] += 1.0
    await turned.come("small 2", 1)

    await turned.go("a")

    assert turned.order == ["a", "small 1", "large"]


async def test_what_is_huge_goes_before_what_comes_a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows it is: a worker that is never idle would not come to it otherwise."""
    now = [1000.0]
    monkeypatch.setattr("agents.turns._now", lambda: now[0])
    turned = Turned(1)
    for name, rows in (("a", LARGE), ("huge", 10**9), ("b", LARGE)):
        await turned.come(name, rows)
    now[0] += MOST_SECONDS
    for name in ("c", "d"):
        await turned.come(name, LARGE)

    for name in ("a", "b", "huge", "c"):
        await turned.go(name)

    assert turned.order == ["a", "b", "huge", "c", "d"]


async def test_whoever_gives_up_leaves_the_place_to_others() -> None:
    """While waiting, while holding a turn, and between being granted one and taking it."""
    turned = Turned(1)
    for name in ("a", "b", "c", "d"):
        await turned.come(name, LARGE)
    await turned.give_up("b")
    await turned.give_up("a")
    assert turned.order == ["a", "c"]

    turned.given_back = turned._tasks["d"].cancel
    turned._leave["c"].set()
    await asyncio.wait([turned._tasks["c"], turned._tasks["d"]])
    await turned.come("e", LARGE)

    assert turned.order == ["a", "c", "e"]
