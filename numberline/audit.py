"""Leaves audit records of what operators' commands have changed, or were refused."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aiokafka.errors import KafkaError

from numberline.errors import ImportRefused, NotReachable, NumbersInvalid, VersionUnknown, WorkersRunning
from numberline.kafka import kafka_producer
from numberline.login import login_name
from pipeline.errors import NumberlineError, RefusedToStart
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import Audited

REFUSALS = (ImportRefused, NumbersInvalid, RefusedToStart, VersionUnknown, WorkersRunning)


def entry(
    action: str,
    subject: str,
    details: Mapping[str, object],
    *,
    outcome: str = "done",
    actor: str | None = None,
    record_id: str | None = None,
) -> Audited:
    """A record of an operator's command, now.

    actor: login name, of whoever runs this without one. record_id: the same one again is a repetition.
    """
    return Audited(
        record_id=record_id or str(uuid.uuid4()),
        at=int(time.time() * 1000),
        actor=f"operator:{actor or login_name()}",
        action=action,
        subject=subject,
        outcome=outcome,
        details=json.dumps(details),
    )


async def leave(settings: Settings, *entries: Audited) -> None:
    """Put records on the topic; returns when the broker has acknowledged them.  Raises NotReachable."""
    topic = topics.topic_name(settings.namespace, topics.AUDIT)
    async with kafka_producer(settings) as producer:
        try:
            if topic not in (await producer.client.fetch_all_metadata()).topics():  # sent to, it could be created
                raise NotReachable(f"the topic {topic}", "it is not there", "Run `numberline init`.")
            for one in entries:
                await producer.send_and_wait(topic, codec.encode(one), one.actor.encode())
        except KafkaError as error:
            remedy = "The audit record is missing; repeat the command."
            raise NotReachable(
                f"the Kafka broker {settings.kafka_bootstrap_servers}", str(error), remedy
            ) from error


@dataclass
class Attempt:
    """What a command does, as its record will have it; completed while it goes on.

    when_done: whether it leaves a record once it is done, and not only where it was refused or broke off.
    """

    action: str
    subject: str
    details: dict[str, object] = field(default_factory=dict)
    when_done: bool = True


@contextmanager
def attempt(settings: Settings, action: str, subject: str, **details: object) -> Iterator[Attempt]:
    """Leave one record of what is done within: `done`, `refused`, or `failed` where it broke off.

    Raises what is raised within, and NotReachable where what was done has no record.
    """
    one = Attempt(action, subject, details)
    try:
        yield one
    except BaseException as error:
        outcome = "refused" if isinstance(error, REFUSALS) else "failed"
        details = one.details | {"message": _why(error)}
        with suppress(NotReachable):  # the error is what its operator has to hear of
            asyncio.run(leave(settings, entry(action, one.subject, details, outcome=outcome)))
        raise
    if one.when_done:
        asyncio.run(leave(settings, entry(action, one.subject, one.details)))


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, NumberlineError) else type(error).__name__
