"""How the recovery of the tables ends: the second half of F3, and changelogs that nobody reads any more."""

from typing import Any

from faust.tables.recovery import Recovery


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
        changelogs = {partition for partition in assignment if self._is_changelog_tp(partition)}
        await pause_changelogs(consumer, changelogs - self.standby_tps)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_partitions(assignment - changelogs)
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()
        self.log.info("Worker ready")

    Recovery.on_recovery_completed = on_recovery_completed


async def pause_changelogs(consumer: Any, changelogs: set[Any]) -> None:
    """Stop fetching our own changelogs after recovery.

    Faust only ignores them: aiokafka fetches what we just wrote, nobody drains it, and every such record holds
    back all fetches from that broker for the prefetch backoff of 0.1 s. A rebalance makes new partition
    states, so recovery starts unpaused.
    """

    async def pause() -> None:
        inner = consumer._thread._ensure_consumer()
        inner.pause(*(partition for partition in inner.assignment() if partition in changelogs))

    if changelogs:
        await consumer._thread.call_thread(pause)
