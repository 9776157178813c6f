"""What is fetched, and from where: the first half of F3, F7, F14."""

import logging
import os
from typing import Any

from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.transport.drivers import aiokafka as driver

log = logging.getLogger(__name__)


def f3_fetch_only_active_partitions() -> None:
    """F3 (#596), first half: the set of active partitions is shared with the consumer's thread, and aiokafka
    reads an empty one as "all". Hand it a snapshot, and fetch nothing for an empty one."""
    fetch = driver.AIOKafkaConsumerThread._fetch_records

    async def _fetch_records(
        self: Any, consumer: Any, active: Any, timeout: Any = None, max_records: Any = None
    ) -> Any:
        if active is not None:
            active = frozenset(active)
            if not active:
                return {}
        return await fetch(self, consumer, active, timeout=timeout, max_records=max_records)

    driver.AIOKafkaConsumerThread._fetch_records = _fetch_records


def f7_end_when_records_are_gone() -> None:
    """F7: a position out of range is reset to the earliest record in mid-run, and what was lost is never told.

    aiokafka resets a partition that has no position yet (a new group) and one whose position is out of range by
    the same call. Only the first is meant.
    """
    await_reset = TopicPartitionState.await_reset

    def await_reset_(self: Any, strategy: int) -> None:
        if self.has_valid_position:
            log.critical(
                "the position of a partition is out of the range that the broker keeps: records expired unread "
                "or the log was cut. Move the consumer group to an offset that exists, start the worker, and send "
                "again what was lost with `numberline redrive --active`."
            )
            logging.shutdown()
            os._exit(1)
        await_reset(self, strategy)

    TopicPartitionState.await_reset = await_reset_


def f14_take_back_what_nobody_waits_for() -> None:
    """F14: a fetch that begins before a rebalance goes on for up to a second. Where it ends after the seek to the
    committed offsets and before the flow is resumed, what it took is dropped, and the position is behind it: those
    records are never delivered, and the next commit moves past them as well.

    Here, where a fetch ends, such records are put back: nothing else moves the position meanwhile.
    """
    fetch = driver.AIOKafkaConsumerThread._fetch_records

    async def _fetch_records(self: Any, consumer: Any, *args: Any, **kwargs: Any) -> Any:
        records = await fetch(self, consumer, *args, **kwargs)
        wanted = self.consumer._get_active_partitions() if self.consumer.flow_active else ()
        for partition in [one for one in records if one not in wanted]:
            dropped = records.pop(partition)
            if partition in consumer.assignment():
                consumer.seek(partition, dropped[0].offset)
        return records

    driver.AIOKafkaConsumerThread._fetch_records = _fetch_records
