"""lookups -> lookup -> PostgreSQL, task-events: what a provider says of numbers that are valid by the data."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from agents.delivery import Delivery, pure
from agents.lookups.facts import LookupFacts
from agents.records import Outgoing, Record, batch_headers, task_event
from agents.verdicts import VerdictStore
from pipeline.judge import Answer, asked_numbers, judged_numbers
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from pipeline.validation import batch_key
from pipeline.views import moment_of
from schemas import codec, events, topics

if TYPE_CHECKING:
    from agents.lookups.client import LookupClient

# for how long a batch begins calls in one go; what is left waits behind the others. With the time of a call this is
# within what a group waits for its member at a rebalance (agents.app)
TURN_SECONDS = 3.0
SLOW_WRITE_SECONDS = 5.0  # within which what came of a call is a fact, or its worker is gone
LOOK_AGAIN_SECONDS = 0.5  # for the answer of a call that a worker before this one may have begun

NO_PROVIDER = Answer(error="no_provider")  # a task that was planned when there was one
OVER_BUDGET = Answer(error="over_budget")
INTERRUPTED = Answer(error="interrupted")


class Lookup:
    """The step lookup. client: None where the installation has no provider."""

    def __init__(
        self,
        delivery: Delivery,
        store: VerdictStore,
        facts: LookupFacts,
        client: "LookupClient | None",
        settings: Settings,
        metrics: WorkerMetrics,
    ) -> None:
        self._delivery, self._store, self._facts, self._client = delivery, store, facts, client
        self._cache_age, self._metrics = timedelta(days=settings.lookup_cache_days), metrics
        self._lost_seconds = settings.lookup_timeout_seconds + SLOW_WRITE_SECONDS

    async def __call__(self, record: Record) -> None:
        """One batch: a call is a fact before it is made, its answer before it is reported: none is paid twice."""
        with pure():
            batch = record.event(events.NumbersJudged)
            asked, beyond = asked_numbers(batch)
        known = await self._facts.of(batch)
        if missing := [number for number in asked if number not in known]:
            now = moment_of(record.timestamp)
            await self._facts.cache(batch, missing, now - self._cache_age, now)
            known = await self._facts.of(batch)
        until = asyncio.get_running_loop().time() + TURN_SECONDS
        if missing := [number for number in asked if number not in known]:
            known = await self._asked(batch, missing, until)
        if any(number not in known for number in asked):
            await self._delivery.send(to_look_up(batch))
            return
        answers = {number: answer for number, (answer, _) in known.items()}
        with pure():
            rows = judged_numbers(batch, answers | dict.fromkeys(beyond, OVER_BUDGET))
            counts = Counter(_outcome(answer, cached) for answer, cached in known.values())
            counts["over_budget"] = len(beyond)
        stored = await self._store.numbers(batch, rows, +counts)
        await self._delivery.send(task_event(stored))

    async def _asked(
        self, batch: events.NumbersJudged, missing: list[int], until: float
    ) -> dict[int, tuple[Answer, bool]]:
        """What is known when the turn has ended."""
        calls = await self._facts.begun(batch, self._lost_seconds)
        lost = [number for number in missing if calls.get(number)]
        await asyncio.gather(
            *(self._add(batch, number, INTERRUPTED) for number in lost),
            *(self._ask(batch, number, until) for number in missing if number not in calls),
        )
        if any(not old for old in calls.values()):
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return await self._facts.of(batch)

    async def _ask(self, batch: events.NumbersJudged, number: int, until: float) -> None:
        """Each answer by itself: should the worker end, only what is under way is lost."""
        if self._client is None:
            await self._add(batch, number, NO_PROVIDER)
        elif await self._client.turn(until) and await self._facts.begin(batch, number):
            await self._add(batch, number, await self._client.look_up(number))

    async def _add(self, batch: events.NumbersJudged, number: int, answer: Answer) -> None:
        await self._facts.add(batch, {number: answer})
        self._metrics.lookups.labels("failed" if answer.error else "answered").inc()


def to_look_up(batch: events.NumbersJudged) -> Outgoing:
    """What asks for the numbers of a batch, or again for those that are left: its content is the same."""
    with pure():
        key = batch_key(batch)
        return Outgoing(topics.LOOKUPS, key.encode(), codec.encode(batch), key, batch_headers(batch))


def _outcome(answer: Answer, cached: bool) -> str:
    if answer.error is not None:
        return "failed"
    return "cached" if cached else "answered"
