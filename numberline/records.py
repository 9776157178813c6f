"""Reads a topic of the installation from some moment to its end, without a group."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from numberline.errors import NotReachable
from numberline.kafka import broker_reached
from numberline.setup.event_schemas import registered
from pipeline.kafka_security import security_options
from pipeline.settings import Settings
from schemas import codec
from schemas.topics import MEBIBYTE


async def read_to_end(
    settings: Settings, topic: str, partition: int | None = None, since_ms: int | None = None
) -> AsyncIterator[Any]:
    """Records of a topic (its full name), or of one partition, up to where it ended when this began.

    since_ms: the first record time, in ms since the epoch. Raises NotReachable.
    """
    codec.look_up_by(registered(settings.database_url.get_secret_value()))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        **security_options(settings),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=16 * MEBIBYTE,
    )
    try:
        with broker_reached(settings):
            await consumer.start()
            if topic not in await consumer.topics():  # asked for by name, it could be created
                raise NotReachable(f"the topic {topic}", "it is not there", "Run `numberline init`.")
            await consumer.beginning_offsets([TopicPartition(topic, 0)])  # brings the topic's metadata
            numbers = consumer.partitions_for_topic(topic) or set()
            wanted = [TopicPartition(topic, one) for one in sorted(numbers) if partition in (None, one)]
            async for record in _records(consumer, wanted, since_ms):
                yield record
    finally:
        await consumer.stop()


async def _records(
    consumer: AIOKafkaConsumer, wanted: list[TopicPartition], since_ms: int | None
) -> AsyncIterator[Any]:
    ends = await consumer.end_offsets(wanted)
    starts = await consumer.beginning_offsets(wanted)
    if since_ms is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(wanted, since_ms))
        starts = {one: at.offset if (at := found[one]) else ends[one] for one in wanted}
    left = {one for one in wanted if starts[one] < ends[one]}
    consumer.assign(left)
    for one in left:
        consumer.seek(one, starts[one])
    while left:
        for one, records in (await consumer.getmany(*left, timeout_ms=1000)).items():
            for record in records:
                if record.offset < ends[one]:
                    yield record
        # not the last record's offset: a compacted topic may end with a gap
        left = {one for one in left if await consumer.position(one) < ends[one]}
