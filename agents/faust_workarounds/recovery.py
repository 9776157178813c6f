"""What is read while the tables are recovered, and how that ends: the second half of F3, and F20."""

from collections.abc import Iterable
from typing import Any

from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver

RECOVERY_WAIT_MS, WAIT_MS = 20, 1500  # for a first record, by a fetch; the latter is Faust's own


def f3_seek_before_resuming() -> None:
    """F3 (#596), second half: seek to the committed offsets before the partitions are resumed, not after."""

    async def on_recovery_completed(self: Any, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        assignment = consumer.assignment()
        if app.consumer_generation_id != generation_id:
            return
        if assignment:
            await self._wait(consumer.seek_to_last_commit(), timeout=app.conf.broker_request_timeout)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_partitions({one for one in assignment if not self._is_changelog_tp(one)})
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()
        self.log.info("Worker ready")

    Recovery.on_recovery_completed = on_recovery_completed


def f20_pause_in_the_client_too() -> None:
    """F20: a partition that Faust has paused is fetched all the same, and what came of it is not drained.

    While the tables are recovered these are the streams: what nobody drains holds back every fetch for 0.1 s, and
    then comes a fetch of what has no new record, which the broker answers after 1.5 s; until then nothing else is
    fetched. Afterwards they are the worker's own changelogs.
    """
    assigned_, pause, resume = (
        driver.Consumer.on_partitions_assigned,
        driver.Consumer.pause_partitions,
        driver.Consumer.resume_partitions,
    )

    async def on_partitions_assigned(self: Any, assigned: set[Any], generation_id: int = 0) -> None:
        self.pause_partitions(assigned)  # as the application does, but before the first fetch
        await assigned_(self, assigned, generation_id)

    def pause_partitions(self: Any, partitions: Iterable[Any]) -> None:
        wanted = set(partitions)
        pause(self, wanted)
        client = self._thread._ensure_consumer()
        client.pause(*(one for one in client.assignment() if one in wanted))

    def resume_partitions(self: Any, partitions: Iterable[Any]) -> None:
        wanted = set(partitions)
        resume(self, wanted)
        client = self._thread._ensure_consumer()
        client._fetcher._fetch_max_wait_ms = RECOVERY_WAIT_MS if self.app.in_recovery else WAIT_MS
        client.resume(*(one for one in client.assignment() if one in wanted))

    driver.Consumer.on_partitions_assigned = on_partitions_assigned
    driver.Consumer.pause_partitions = pause_partitions
    driver.Consumer.resume_partitions = resume_partitions


def f20_deliver_what_is_active_now() -> None:
    """F20, second half: a fetch that waits keeps to the partitions that were active when it began, those of the
    changelogs; what comes of the streams after the recovery is not delivered for up to a second."""
    fetch = driver.AIOKafkaConsumerThread._fetch_records

    async def _fetch_records(self: Any, consumer: Any, active: Any, *args: Any, **kwargs: Any) -> Any:
        return await fetch(self, consumer, active and _ActiveNow(self.consumer), *args, **kwargs)

    driver.AIOKafkaConsumerThread._fetch_records = _fetch_records


class _ActiveNow:
    """The set of the consumer, true though it may be empty meanwhile: aiokafka takes that for "all" (F3)."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __contains__(self, partition: Any) -> bool:
        return partition in self._consumer._active_partitions
