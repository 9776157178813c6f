"""How steps, and what runs beside them, join a Faust application; and how a worker ends when one fails."""

import logging
import threading
import time
from collections.abc import Awaitable, Callable
from os import _exit
from typing import Any, NoReturn

from agents.delivery import Delivery
from agents.handoff import Handoff
from agents.records import Record, Step
from pipeline.dead_letters import Headers
from pipeline.errors import NeedsPerson
from schemas import topics

log = logging.getLogger(__name__)

SECONDS_TO_LEAVE = 10  # a worker that ends on an error leaves its group properly, if it can in this time


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
                headers=_headers(message.headers),
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


def _headers(found: Any) -> Headers:
    """In order. Faust has a list of pairs, a mapping or None of them."""
    return tuple(found.items() if isinstance(found, dict) else found or ())


def run_beside(app: Any, name: str, body: Callable[[], Awaitable[None]], at_start: bool = False) -> None:
    """Run something for as long as the worker; should it fail, the worker ends.

    at_start: from its start on, while it joins its group and recovers its tables; else from then on.
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

    (app.task_at_start if at_start else app.task)(run)


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
