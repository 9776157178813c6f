"""Which partitions are this worker's, for what looks into its tables beside the steps."""

from typing import Any, Protocol


class Owner(Protocol):
    """Told of its partitions; each time of another set, so that it can tell by identity that they have moved."""

    def owns(self, partitions: frozenset[int]) -> None:
        """These are this worker's from now on: their numbers; none from a revocation until tables are recovered.

        Called in the worker's event loop: must not block.
        """


def tell_at_rebalances(app: Any, topic: str, *owners: Owner) -> None:
    """Tell which partitions of a topic (its full name) this worker has, once their tables are recovered.

    app: the Faust application. Before each rebalance the owners are told that they have none.
    """

    async def revoked(sender: Any, revoked: Any, **kwargs: Any) -> None:
        for owner in owners:
            owner.owns(frozenset())

    async def complete(sender: Any, **kwargs: Any) -> None:
        assigned = app.consumer.assignment()
        for owner in owners:
            owner.owns(frozenset(partition.partition for partition in assigned if partition.topic == topic))

    app.on_partitions_revoked.connect(revoked)
    app.on_rebalance_complete.connect(complete)
