"""Runs a schedule on one system: load, fault, wait, judge; and again."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chaos.errors import ChaosError
from chaos.history import History
from chaos.invariants import repeated, violations
from chaos.listener import Listener
from chaos.reading import Reader
from chaos.schedule import Round
from chaos.system import System
from chaos.traffic import USERS, Traffic

ENDED_SECONDS = 120.0  # from the end of a fault until all tasks have ended
FIRST_BATCHES = 5  # stored before a fault strikes: it is to hit work, not the beginning


@dataclass(frozen=True)
class RoundResult:
    """What one round did. seconds: from its first request to its last task's end. repeated: records of batches."""

    round: Round
    done: str
    tasks: int
    numbers: int
    seconds: float
    repeated: int
    violations: tuple[str, ...]


class Watcher(Protocol):
    """Who is shown how far the run is."""

    def begins(self, one: Round) -> Callable[[str], None]:
        """A round begins; what is returned is told what it does."""

    def ended(self, result: RoundResult) -> None:
        """It has ended."""


async def run_schedule(system: System, rounds: Sequence[Round], watcher: Watcher) -> tuple[RoundResult, ...]:
    """All rounds, or those up to the first that is violated: later ones would only repeat it."""
    history, reader = History(), Reader(system.settings)
    results: list[RoundResult] = []
    async with _listening(system, history):
        for one in rounds:
            while len(system.workers) < one.workers:
                await asyncio.to_thread(system.add_worker)
            result = await _run(system, one, history, reader, watcher.begins(one))
            results.append(result)
            watcher.ended(result)
            if result.violations:
                break
    return tuple(results)


async def _run(
    system: System, one: Round, history: History, reader: Reader, say: Callable[[str], None]
) -> RoundResult:
    traffic, before, done, wrong = Traffic(system, history, one.chance("load")), repeated(history), "", []
    started = time.monotonic()
    submitting = asyncio.create_task(traffic.run())
    try:
        say("first batches")
        await asyncio.to_thread(system.wait_for_work, FIRST_BATCHES)
        say(one.fault.title())
        done = await asyncio.to_thread(one.fault().strike, system, one.chance("fault"))
        traffic.enough()
        await submitting
        await traffic.ended(ENDED_SECONDS, lambda running: say(f"{running} tasks still run"))
    except ChaosError as error:
        wrong.append(str(error))
    finally:
        submitting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await submitting
    seconds = time.monotonic() - started
    say("judging")
    await asyncio.to_thread(reader.read, history)
    wrong += await asyncio.to_thread(violations, history)
    again = repeated(history) - before
    return RoundResult(one, done, len(traffic.tasks), traffic.numbers, seconds, again, tuple(wrong))


@contextlib.asynccontextmanager
async def _listening(system: System, history: History) -> AsyncIterator[None]:
    listeners = [Listener(system.settings, user, history.heard.append) for user in USERS]
    running = [asyncio.create_task(listener.run()) for listener in listeners]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
