"""Several real brokers, each also a controller of their quorum: a cluster that outlives one of them."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from embedded.kafka import Kafka, Membership, new_cluster_id
from embedded.ports import free_port

# three copies of whatever is not asked for otherwise, the broker's own topics too, and two of them for a record to
# count as written: one broker may be away
COPIES = 3
REPLICATED: Mapping[str, str] = {
    "default.replication.factor": str(COPIES),
    "min.insync.replicas": str(COPIES - 1),
    "offsets.topic.replication.factor": str(COPIES),
    "transaction.state.log.replication.factor": str(COPIES),
    "transaction.state.log.min.isr": str(COPIES - 1),
    "share.coordinator.state.topic.replication.factor": str(COPIES),
    "share.coordinator.state.topic.min.isr": str(COPIES - 1),
}


class KafkaCluster:
    """Three brokers with their files in `STATE_DIR/broker-N`; `brokers` may be killed and started one by one.

    `ports`: where each listens, and what its clients are told to connect to; without them free ones, and the same.
    """

    def __init__(
        self, state_dir: str | os.PathLike[str], *, ports: Sequence[tuple[int, int]] | None = None
    ) -> None:
        cluster_id = new_cluster_id()
        nodes = range(1, COPIES + 1)
        controllers = {node: free_port() for node in nodes}
        self.brokers = tuple(
            Kafka(
                Path(state_dir) / f"broker-{node}",
                port=ports[node - 1][0] if ports else None,
                advertised_port=ports[node - 1][1] if ports else None,
                settings=REPLICATED,
                membership=Membership(cluster_id, node, controllers, free_port()),
            )
            for node in nodes
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """`HOST:PORT` of each, with commas, as clients take it."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start those that do not run; at once, for none is ready before two of them are there.

        Raises `EmbeddedError`; then none is left running.
        """
        try:
            with ThreadPoolExecutor(len(self.brokers)) as pool:
                list(pool.map(Kafka.start, self.brokers))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all gracefully; at once, for the last two of them would wait for each other."""
        with ThreadPoolExecutor(len(self.brokers)) as pool:
            list(pool.map(Kafka.stop, self.brokers))
