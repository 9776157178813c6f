"""lookups -> lookup -> PostgreSQL, task-events: what a provider says of numbers that are valid by the data."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

from agents.delivery import Delivery, Record, pure, task_event
from agents.lookups.client import LookupClient
from agents.lookups.facts import LookupFacts
from agents.verdicts import VerdictStore
from pipeline.judge import Answer, asked_numbers, judged_numbers
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from schemas import events

NO_PROVIDER = Answer(error="no_provider")  # a task that was planned when there was one
OVER_BUDGET = Answer(error="over_budget")


class Lookup:
    """The step lookup. client: None where the installation has no provider."""

    def __init__(
        self,
        delivery: Delivery,
        store: VerdictStore,
        facts: LookupFacts,
        client: LookupClient | None,
        settings: Settings,
        metrics: WorkerMetrics,
    ) -> None:
        self._delivery, self._store, self._facts, self._client = delivery, store, facts, client
        self._cache_age, self._metrics = timedelta(days=settings.lookup_cache_days), metrics

    async def __call__(self, record: Record) -> None:
        """One batch: every answer is a fact before any of it is reported, so that none is paid for twice."""
        with pure():
            batch = record.event(events.NumbersJudged)
            asked, beyond = asked_numbers(batch)
        known = await self._facts_of(batch)
        if missing := [number for number in asked if number not in known]:
            until = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            cached = self._facts.cache(batch, missing, until - self._cache_age, until)
            await self._delivery.within_deadline(cached, "commit of PostgreSQL")
            known = await self._facts_of(batch)
        if missing := [number for number in asked if number not in known]:
            await asyncio.gather(*(self._ask(batch, number) for number in missing))
            known = await self._facts_of(batch)
        answers = {number: answer for number, (answer, _) in known.items()}
        with pure():
            rows = judged_numbers(batch, answers | dict.fromkeys(beyond, OVER_BUDGET))
            counts = Counter(_outcome(answer, cached) for answer, cached in known.values())
            counts["over_budget"] = len(beyond)
        work = self._store.numbers(batch, rows, +counts)
        stored = await self._delivery.within_deadline(work, "commit of PostgreSQL")
        await self._delivery.send(task_event(stored))

    async def _facts_of(self, batch: events.NumbersJudged) -> dict[int, tuple[Answer, bool]]:
        return await self._delivery.within_deadline(self._facts.of(batch), "answer of PostgreSQL")

    async def _ask(self, batch: events.NumbersJudged, number: int) -> None:
        """Each answer by itself: should the worker end, only what is under way is asked again."""
        answer = NO_PROVIDER if self._client is None else await self._client.look_up(number)
        await self._delivery.within_deadline(self._facts.add(batch, {number: answer}), "commit of PostgreSQL")
        self._metrics.lookups.labels("failed" if answer.error else "answered").inc()


def _outcome(answer: Answer, cached: bool) -> str:
    if answer.error is not None:
        return "failed"
    return "cached" if cached else "answered"
