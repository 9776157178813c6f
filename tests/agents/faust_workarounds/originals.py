"""Faust's own code beside ours: the same scenario with the one shows a defect, with the other it does not.

Should a test of "Faust's own code" fail, the defect is mended upstream and its workaround can go.
"""

import contextlib
from collections.abc import Callable, Iterator

import mode
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

PATCHED = (
    (driver.Producer, "_settings_extra"),
    (driver.AIOKafkaConsumerThread, "_fetch_records"),
    (Consumer, "__init__"),
    (Consumer, "perform_seek"),
    (Consumer, "on_partitions_revoked"),
    (Consumer, "_new_offset"),
    (Consumer, "ack"),
    (Consumer, "wait_first"),
    (Recovery, "on_recovery_completed"),
    (TopicPartitionState, "await_reset"),
    (Consumer, "_filter_tps_with_pending_acks"),
    (Consumer, "commit_and_end_transactions"),
    (GroupCoordinator, "_maybe_leave_group"),
    (mode.Worker, "_gather_all"),
    (mode.Worker, "_sentinel_task"),
    (driver.Consumer, "subscribe"),
    (driver.Consumer, "on_partitions_assigned"),
    (driver.Consumer, "pause_partitions"),
    (driver.Consumer, "resume_partitions"),
    (CoordinatorGroupRebalance, "_on_join_follower"),
    (TableManager, "on_start"),
    (Consumer, "_wait_next_records"),
    (driver.AIOKafkaConsumerThread, "seek_to_committed"),
    (fetcher, "MemoryRecords"),
    (fetcher.PartitionRecords, "__next__"),
    (fetcher.Fetcher, "__init__"),
    (fetcher.Fetcher, "_notify"),
    (fetcher.Fetcher, "_proc_fetch_request"),
    (driver.AIOKafkaConsumerThread, "__init__"),
    (driver.AIOKafkaConsumerThread, "start"),
    (driver.AIOKafkaConsumerThread, "stop"),
    (driver.AIOKafkaConsumerThread, "call_thread"),
    (driver.AIOKafkaConsumerThread, "_gather_remaining_tasks"),
)
# taken while pytest collects, before anything can have installed the workarounds
ORIGINALS = [(owner, name, getattr(owner, name)) for owner, name in PATCHED]


@contextlib.contextmanager
def faust_with(*patches: Callable[[], None]) -> Iterator[None]:
    """Faust's own code with these workarounds alone, and afterwards whatever was there before."""
    before = [(owner, name, getattr(owner, name)) for owner, name in PATCHED]
    try:
        for owner, name, original in ORIGINALS:
            setattr(owner, name, original)
        for patch in patches:
            patch()
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
