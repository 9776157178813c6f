"""Who is in the group of consumers, and by which topics: F9 and F12."""

import logging
from typing import Any

from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.coordinator.protocol import ConsumerProtocol
from faust.assignor.client_assignment import ClientMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.drivers import aiokafka as driver

log = logging.getLogger(__name__)


def f9_leave_though_static() -> None:
    """F9: a static member (KIP-345) leaves no group when it closes, and its partitions wait for its session to end.

    Static, so that a worker that was killed and starts again takes its place without a rebalance. One that ends
    properly leaves by its member id, so that the others take over at once.
    """
    leave = GroupCoordinator._maybe_leave_group

    async def _maybe_leave_group(self: Any) -> None:
        static, self._group_instance_id = self._group_instance_id, None
        try:
            await leave(self)
        finally:
            self._group_instance_id = static

    GroupCoordinator._maybe_leave_group = _maybe_leave_group


def f12_subscribe_no_more_at_the_end() -> None:
    """F12, first half: while a worker stops because an agent has crashed, it subscribes anew, without that agent's
    topic, and takes part in a rebalance for it."""
    subscribe = driver.Consumer.subscribe

    async def subscribe_(self: Any, topics: Any) -> None:
        if not self.app.should_stop:
            await subscribe(self, topics)

    driver.Consumer.subscribe = subscribe_


def f12_take_no_assignment_without_our_topics() -> None:
    """F12, second half: a static member that comes back is handed the assignment of its predecessor, though the two
    have subscribed to different topics: after F12's first half, or an upgrade that adds one. The topics that it
    leaves out would have no reader. Leave, then join as somebody new: that makes a rebalance.
    """
    join = CoordinatorGroupRebalance._on_join_follower

    async def _on_join_follower(self: Any) -> bytes | None:
        assignment: bytes | None = await join(self)
        topics = _topics_assigned(assignment) if assignment else None
        if topics is not None and (missing := self._subscription.topics - topics):
            log.warning("the group's assignment leaves out %s: joining again", ", ".join(sorted(missing)))
            await self._coordinator._maybe_leave_group()
            return None
        return assignment

    CoordinatorGroupRebalance._on_join_follower = _on_join_follower


def _topics_assigned(assignment: bytes) -> set[str] | None:
    """Every topic that the leader has distributed, whichever member has got its partitions.

    None where Faust has not made the assignment: consumers beside the agents (agents/project.py) have groups too.
    """
    if not (user_data := ConsumerProtocol.ASSIGNMENT.decode(assignment).user_data):
        return None
    return set(ClientMetadata.loads(PartitionAssignor._decompress(user_data)).topic_groups)
