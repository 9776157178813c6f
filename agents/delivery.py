"""The delivery runtime: every step applies, sends, waits until the broker has it all, then acks.

What goes wrong is one of two kinds. A RecordError is a property of the record: it goes to the dead letters, its
task is told, and the next record follows. Anything else, or a wait past its deadline, ends the process with 1;
it is restarted and reads again from its last commit.
"""

import asyncio
import contextlib
import logging
import time
import traceback
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from agents.handoff import Handoff, gone, is_small
from agents.producers import StepProducer
from agents.records import Outgoing, Record, Step, batch_headers, task_event
from pipeline import dead_letters, log_context
from pipeline.dead_letters import Limit
from pipeline.errors import NumberlineError, RecordError, StepFailed, TooManyDeadLetters, Unavailable
from pipeline.metrics import WorkerMetrics
from pipeline.settings import variable
from pipeline.tracing import OFF, Tracing
from schemas import topics
from schemas.partitions import partition_for

log = logging.getLogger(__name__)

T = TypeVar("T")
Offer = tuple[Handoff, Record, asyncio.Event | None]  # to whom, what, and what is set when that has led to messages

WAY_SECONDS = 0.002  # from an acknowledgement to what the next step sends
COPIES_WAIT_SECONDS = 0.02  # at most; a commit of the database takes a few milliseconds


@contextlib.contextmanager
def pure(*answers: type[Exception]) -> Iterator[None]:
    """Around calls of pure functions: what they raise is a property of the record.

    answers: errors that the step itself makes something of, besides numberline's own.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (NumberlineError, MemoryError, *answers)):
            raise
        raise StepFailed(repr(error)) from error


async def _let_go_first(handed_over: Sequence[asyncio.Event], messages: Sequence[Outgoing]) -> None:
    """What is handed over goes before its copy, which nobody waits for.

    Large messages, so that those of the next step travel with these; small ones, so that the rows are in the
    database and the task knows of them when the broker and this worker turn to the copies.
    """
    await asyncio.sleep(0)
    if all(is_small(message.value) for message in messages):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COPIES_WAIT_SECONDS):
                for event in handed_over:
                    await event.wait()


class Delivery:
    """Sending, acknowledging and dead letters, for one step or several.

    limit: of dead letters, shared by the steps of a worker.
    handoffs: of the topics whose messages go to the next step of this worker at once.
    """

    def __init__(
        self,
        producer: StepProducer,
        namespace: str,
        partitions: int,
        deadline_seconds: float,
        metrics: WorkerMetrics,
        limit: Limit | None = None,
        handoffs: Mapping[topics.Topic, Handoff] = MappingProxyType({}),
        tracing: Tracing = OFF,
    ) -> None:
        self._producer, self._handoffs = producer, handoffs
        self._namespace, self._partitions = namespace, partitions
        self._deadline_seconds, self._metrics = deadline_seconds, metrics
        self._limit, self._tracing = limit, tracing
        self._processed, self._seconds = cache(metrics.records.labels), cache(metrics.step_seconds.labels)

    async def within_deadline(self, awaitable: Awaitable[T], awaited: str) -> T:
        """The result, or Unavailable when it takes longer than the deadline."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await awaitable
        except TimeoutError:
            raise Unavailable(awaited, self._deadline_seconds) from None

    async def send(self, *messages: Outgoing) -> None:
        """Send in this order, and return when the broker has acknowledged every one."""
        if messages:
            await self.within_deadline(self._send(messages), "acknowledgement of the broker")

    async def _send(self, messages: tuple[Outgoing, ...]) -> None:
        addressed = [(message, *self._address(message)) for message in self._traced(messages)]
        offered = self._handed_over(addressed)
        if any(offered):
            await _let_go_first([event for *_, event in filter(None, offered) if event is not None], messages)
        acknowledged = [
            await self._producer.send(name, message.key, message.value, partition, message.headers)
            for message, name, partition in addressed
        ]
        gone()
        for one, written in zip(offered, await asyncio.gather(*acknowledged), strict=True):
            if one is not None:
                handoff, record, _ = one
                handoff.placed(record, written.offset)

    def _traced(self, messages: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """With the context of the span that sends them; a dead letter stays the record that it is of."""
        if not (context := self._tracing.headers()):
            return messages
        return [
            message if message.topic is topics.DEADLETTERS else replace(message, headers=message.headers + context)
            for message in messages
        ]

    def _address(self, message: Outgoing) -> tuple[str, int]:
        """Topic name and partition."""
        return (
            topics.topic_name(self._namespace, message.topic),
            partition_for(message.partition_key, self._partitions),
        )

    def _handed_over(self, addressed: Sequence[tuple[Outgoing, str, int]]) -> list[Offer | None]:
        """Offer to the next step of this worker what is meant for one, message by message."""
        offered: list[Offer | None] = []
        for message, name, partition in addressed:
            if handoff := self._handoffs.get(message.topic):
                record = Record(name, partition, -1, 0, message.key, message.value, message.headers)
                offered.append((handoff, record, handoff.offer(record)))
            else:
                offered.append(None)
        return offered

    async def give_way(self) -> None:
        """Let the step that was sent something last begin, before anything else takes this worker's time."""
        await asyncio.sleep(WAY_SECONDS)

    async def written(self, *writes: Awaitable[Any]) -> None:
        """Return when the broker has acknowledged these changelog records."""
        await self.within_deadline(asyncio.gather(*writes), "acknowledgement of the changelog")

    async def process(self, name: str, step: Step, record: Record) -> None:
        """Run a step on one record. When this returns, the record may be acknowledged."""
        with self._tracing.processing(log_context.begin(name, record)) as span:
            try:
                await self._run(name, step, record)
            except RecordError as error:
                span.failed(error)
                await self._give_up(name, record, error)
                self._processed(name).inc()

    async def attempt(self, name: str, step: Step, record: Record) -> None:
        """Run a step on one record, and count it if it succeeds.  Raises what the step raises."""
        with self._tracing.processing(log_context.begin(name, record)):
            await self._run(name, step, record)

    async def _run(self, name: str, step: Step, record: Record) -> None:
        started = time.perf_counter()
        await step(record)
        self._processed(name).inc()
        self._seconds(name).observe(time.perf_counter() - started)

    async def _give_up(self, name: str, record: Record, error: RecordError) -> None:
        log.error("%s cannot process %s/%d/%d: %s", name, record.topic, record.partition, record.offset, error)
        if self._limit is not None and self._limit.passed(time.monotonic()):
            raise TooManyDeadLetters(
                f"more than {self._limit.most} records within {self._limit.seconds:g} s could not be processed, "
                f"the last by the step {name}: {error}",
                f"The one that was not sent to the dead letters any more is {record.topic}, partition "
                f"{record.partition}, offset {record.offset}. Mend what all of them have in common (`numberline "
                "deadletters list`), then start the worker again; "
                f"{variable('dead_letter_limit')} sets how many are too many.",
            ) from error
        told = dead_letters.batch_failed(record.topic.removeprefix(f"{self._namespace}."), record.headers, error)
        if told:
            self._metrics.batches.labels("failed").inc()
        await self.send(
            self.dead_letter(name, record, error),
            *([task_event(told, batch_headers(told))] if told else []),
        )

    def dead_letter(self, stage: str, record: Record, error: Exception) -> Outgoing:
        """A record for the dead letters, whole, with why and where from."""
        self._metrics.dead_letters.labels(stage, dead_letters.reason_of(error)).inc()
        kept = tuple(header for header in record.headers if header[0].lower() != "authorization")
        why = dead_letters.letter_headers(
            error,
            "".join(traceback.format_exception(error)),
            stage,
            (record.topic, record.partition, record.offset),
            record.timestamp,
        )
        return Outgoing(topics.DEADLETTERS, record.key, record.value, f"{record.partition}", kept + why)
