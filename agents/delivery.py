"""The delivery runtime: every step applies, sends, waits until the broker has it all, then acks.

What goes wrong is one of two kinds. A RecordError is a property of the record: it goes to the dead letters, its
task is told, and the next record follows. Anything else, or a wait past its deadline, ends the process with 1;
it is restarted and reads again from its last commit.
"""

import asyncio
import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from os import _exit
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from agents.handoff import Handoff
from agents.producers import StepProducer
from pipeline import dead_letters, log_context
from pipeline.dead_letters import Headers, Limit
from pipeline.errors import (
    NeedsPerson,
    NumberlineError,
    RecordError,
    StepFailed,
    TooManyDeadLetters,
    Unavailable,
    Unreadable,
)
from pipeline.metrics import WorkerMetrics
from pipeline.settings import variable
from pipeline.tracing import OFF, Tracing
from schemas import codec, events, topics
from schemas.partitions import partition_for

log = logging.getLogger(__name__)

SECONDS_TO_LEAVE = 10  # a worker that ends on an error leaves its group properly, if it can in this time

T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """One record of Kafka as it was read. timestamp: ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        return self.topic, self.partition, self.offset

    def header(self, name: str) -> bytes | None:
        """The last header of this name."""
        return dict(self.headers).get(name)

    def event(self, *kinds: type[T]) -> T:
        """Its value as an event of one of these kinds, which the log says the task of.  Raises Unreadable."""
        try:
            event = codec.decode(self.value or b"")
        except codec.CodecError as error:
            raise Unreadable(str(error)) from error
        if not isinstance(event, kinds):
            raise Unreadable(f"{type(event).__name__} does not belong on {self.topic}")
        log_context.know_task(getattr(event, "task_id", None))
        return event


@dataclass(frozen=True)
class Outgoing:
    """One message to send. partition_key: the area code or user id that decides the partition."""

    topic: topics.Topic
    key: bytes | None
    value: bytes | None
    partition_key: str
    headers: Headers = ()


Step = Callable[[Record], Awaitable[None]]


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


class Delivery:
    """Sending, acknowledging and dead letters, for one step or several.

    producer: of its own; the application's without. limit: of dead letters, shared by the steps of a worker.
    handoffs: of the topics whose messages go to the next step of this worker at once.
    """

    def __init__(
        self,
        app: Any,
        namespace: str,
        partitions: int,
        deadline_seconds: float,
        metrics: WorkerMetrics,
        producer: StepProducer | None = None,
        limit: Limit | None = None,
        handoffs: Mapping[topics.Topic, Handoff] = MappingProxyType({}),
        tracing: Tracing = OFF,
    ) -> None:
        self._app, self._producer, self._handoffs = app, producer, handoffs
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
        await self.within_deadline(self._send(messages), "acknowledgement of the broker")

    async def _send(self, messages: tuple[Outgoing, ...]) -> None:
        producer = self._producer or self._app.producer
        addressed = [(message, *self._address(message)) for message in self._traced(messages)]
        offered = self._handed_over(addressed)
        if any(offered):
            await asyncio.sleep(0)  # the next step goes first, so that its messages travel with these
        acknowledged = [
            await producer.send(name, message.key, message.value, partition, None, list(message.headers))
            for message, name, partition in addressed
        ]
        for one, written in zip(offered, await asyncio.gather(*acknowledged), strict=True):
            if one is not None:
                handoff, record = one
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

    def _handed_over(self, addressed: Sequence[tuple[Outgoing, str, int]]) -> list[tuple[Handoff, Record] | None]:
        """Offer to the next step of this worker what is meant for one; to whom and as what, message by message."""
        offered: list[tuple[Handoff, Record] | None] = []
        for message, name, partition in addressed:
            if handoff := self._handoffs.get(message.topic):
                record = Record(name, partition, -1, 0, message.key, message.value, message.headers)
                handoff.offer(record)
                offered.append((handoff, record))
            else:
                offered.append(None)
        return offered

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


def batch_headers(event: Any) -> Headers:
    """Whose batch a message is about, readable without its value."""
    return (
        ("user", event.user_id.encode()),
        ("task", event.task_id.encode()),
        ("batch", str(event.batch).encode()),
    )


def audit_message(event: events.Audited) -> Outgoing:
    """What goes to the audit trail."""
    return Outgoing(topics.AUDIT, event.actor.encode(), codec.encode(event), event.actor)


def task_event(event: events.TaskEvent, headers: Headers = ()) -> Outgoing:
    """A message about a task: all of a user's go through one partition."""
    return Outgoing(topics.TASK_EVENTS, event.user_id.encode(), codec.encode(event), event.user_id, headers)


def register(
    app: Any,
    delivery: Delivery,
    topic: topics.Topic,
    name: str,
    step: Step,
    namespace: str,
    handoff: Handoff | None = None,
) -> None:
    """Make a step the Faust agent of a topic: one event of a partition at a time, acked by hand (F4)."""
    source = app.topic(
        topics.topic_name(namespace, topic),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )

    async def run(stream: Any) -> None:
        stream = stream.noack()
        async for event in stream.events():
            message = event.message
            record = Record(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                timestamp=round(message.timestamp * 1000),
                key=event.key,
                value=event.value,
                headers=tuple((message.headers or {}).items())
                if isinstance(message.headers, dict)
                else tuple(message.headers or ()),
            )
            try:
                if handoff is None or not await handoff.dealt_with(record):
                    await delivery.process(name, step, record)
            except Exception as error:
                end_soon(name, error)
                raise
            await stream.ack(event)

    run.__name__ = run.__qualname__ = name  # what Faust's log calls it
    app.agent(source, name=name, isolated_partitions=True)(run)


def run_beside(app: Any, name: str, body: Callable[[], Awaitable[None]]) -> None:
    """Run something for as long as the worker; should it fail, the worker ends.

    While the worker stops it is no failure: producers and connections that it uses close before it is cancelled.
    """

    async def run() -> None:
        try:
            await body()
        except Exception as error:
            if app.should_stop:
                log.info("%s ends with the worker: %s", name, error)
                return
            end_soon(name, error)
            await app.crash(error)

    app.task(run)


def handoff_to(app: Any, delivery: Delivery, name: str, step: Step) -> Handoff:
    """A way to this step past the broker; what fails other than by the message ends the worker."""

    async def attempt(record: Record) -> None:
        await delivery.attempt(name, step, record)

    async def failed(error: Exception) -> None:
        end_soon(name, error)
        await app.crash(error)

    return Handoff(attempt, failed)


def end_soon(name: str, error: Exception) -> None:
    """The process is to end now; should leaving the group hang, it ends all the same."""
    if isinstance(error, NeedsPerson):
        log.critical("%s: the worker ends and is not to be restarted: %s", name, error)
    else:
        log.critical("%s failed: the worker ends and is to be restarted", name, exc_info=error)
    status = 2 if isinstance(error, NeedsPerson) else 1

    def end() -> NoReturn:
        time.sleep(SECONDS_TO_LEAVE)
        _exit(status)

    threading.Thread(target=end, daemon=True).start()
