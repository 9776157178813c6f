"""What the gateway's consumers of Kafka have in common."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

FETCH_WAIT_MS = 100  # measured idle: 20 ms costs 3.4 % of a core, 100 ms 0.8 %, and neither delays more
KAFKA_AWAY_RETRY_MS = 500  # the library logs four lines a time
STOP_SECONDS = 0.3


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Let go of Kafka, which may be away."""
    await asyncio.sleep(0)  # aiokafka's stop fails where a task of its start has not run yet
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(STOP_SECONDS):
            try:
                await consumer.stop()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise  # not one of the consumer's own tasks, whose end it lets through
