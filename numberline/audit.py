"""Leaves an audit record of what an operator's command has changed."""

import json
import time
import uuid
from collections.abc import Mapping

from aiokafka.errors import KafkaError

from numberline.client import kafka_producer
from numberline.errors import NotReachable
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import Audited


async def record(
    settings: Settings,
    actor: str,
    action: str,
    subject: str,
    details: Mapping[str, object],
    record_id: str | None = None,
    outcome: str = "done",
) -> None:
    """One record; returns when the broker has acknowledged it.

    actor: login name of the operator. record_id: the same one again is a repetition. Raises NotReachable.
    """
    event = Audited(
        record_id=record_id or str(uuid.uuid4()),
        at=int(time.time() * 1000),
        actor=f"operator:{actor}",
        action=action,
        subject=subject,
        outcome=outcome,
        details=json.dumps(details),
    )
    async with kafka_producer(settings) as producer:
        topic = topics.topic_name(settings.namespace, topics.AUDIT)
        try:
            await producer.send_and_wait(topic, codec.encode(event), event.actor.encode())
        except KafkaError as error:
            remedy = "The audit record is missing; repeat the command."
            raise NotReachable(
                f"the Kafka broker {settings.kafka_bootstrap_servers}", str(error), remedy
            ) from error
