"""A real Apache Kafka broker: one KRaft node on the loopback address."""

import base64
import contextlib
import os
import socket
import struct
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from embedded.archive import archive_options
from embedded.jars import Progress, fetch_jars, read_lock
from embedded.java import java_command
from embedded.ports import LOOPBACK, free_port, require_free
from embedded.server import Server, merge_settings

_DEFAULTS = Path(__file__).with_name("kafka.properties")
_OWN_SETTINGS = (
    "advertised.listeners",
    "controller.quorum.voters",
    "listeners",
    "log.dirs",
    "metadata.log.dir",
    "node.id",
    "process.roles",
)


@dataclass(frozen=True)
class Membership:
    """A broker's place in a cluster. controllers: the port of each node's, by node id. internal_port: where the
    others find it, whatever stands between it and its clients."""

    cluster_id: str
    node_id: int
    controllers: Mapping[int, int]
    internal_port: int


class Kafka(Server):
    """A broker that keeps all it is given until a topic says otherwise, and creates no topic by itself.

    `port`: where it listens, None for a free one. `settings`: lines of server.properties.
    `advertised_port`: what clients are told to connect to, where a proxy stands in between.
    `membership`: of a cluster (embedded/cluster.py); without it a broker is alone.
    `on_progress`: told of the download of the broker, which happens once a user.
    """

    name: ClassVar[str] = "kafka"

    def __init__(
        self,
        state_dir: str | os.PathLike[str],
        *,
        port: int | None = None,
        advertised_port: int | None = None,
        settings: Mapping[str, str] | None = None,
        membership: Membership | None = None,
        on_progress: Progress | None = None,
        ready_within_sec: float = 120.0,
    ) -> None:
        super().__init__(state_dir, ready_within_sec)
        self.port = free_port() if port is None else port
        self._advertised_port = advertised_port or self.port
        self._membership = membership
        self._cluster_id = membership.cluster_id if membership else new_cluster_id()
        self._node_id = membership.node_id if membership else 1
        self._controllers = membership.controllers if membership else {self._node_id: free_port()}
        self._settings = merge_settings(_read_properties(_DEFAULTS), settings, _OWN_SETTINGS)
        self._on_progress = on_progress
        self._java: list[str] = []

    @property
    def bootstrap_servers(self) -> str:
        """`HOST:PORT`, as clients take it."""
        return f"{LOOPBACK}:{self._advertised_port}"

    def _prepare(self) -> None:
        require_free(self.port)
        jars = fetch_jars(read_lock(), self._on_progress)
        java = java_command()
        self._java = [*java, *archive_options(java, jars), "-cp", os.pathsep.join(map(str, jars))]

    def _format(self, directory: Path) -> None:
        properties = self._write_properties("format.properties", directory)
        # with =, for one id in 64 begins with a hyphen
        cluster = f"--cluster-id={self._cluster_id}"
        self._run([*self._java, "kafka.tools.StorageTool", "format", cluster, "-c", properties])

    def _command(self) -> list[str]:
        return [*self._java, "kafka.Kafka", self._write_properties("server.properties", self.data)]

    def _ready(self) -> bool:
        return count_brokers(self.port) > 0

    def _write_properties(self, name: str, data: Path) -> str:
        """Write the broker's settings to a file in `home`, the broker's working directory; its name."""
        controller = f"CONTROLLER://{LOOPBACK}:{self._controllers[self._node_id]}"
        listeners, advertised = f"PLAINTEXT://{LOOPBACK}:{self.port}", f"PLAINTEXT://{self.bootstrap_servers}"
        between: dict[str, str] = {}
        if self._membership is not None:
            internal = f",INTERNAL://{LOOPBACK}:{self._membership.internal_port}"
            listeners, advertised = listeners + internal, advertised + internal
            protocols = self._settings["listener.security.protocol.map"] + ",INTERNAL:PLAINTEXT"
            between = {"listener.security.protocol.map": protocols, "inter.broker.listener.name": "INTERNAL"}
        voters = (f"{node}@{LOOPBACK}:{port}" for node, port in self._controllers.items())
        properties = {
            **self._settings,
            **between,
            "node.id": str(self._node_id),
            "listeners": f"{listeners},{controller}",
            "advertised.listeners": advertised,
            "controller.quorum.voters": ",".join(voters),
            # relative: a comma in an absolute path would make it two
            "log.dirs": data.name,
        }
        (self.home / name).write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        return name


def new_cluster_id() -> str:
    """As Kafka wants it: 22 characters of URL-safe base64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()


def count_brokers(port: int) -> int:
    """How many brokers the answer to a Metadata request (version 1, all topics) names; 0 when none answers.

    A hand-made request because the client libraries keep retrying, and log, where a broker is not up yet.
    """
    request = struct.pack(">hhih5si", 3, 1, 1, 5, b"probe", -1)
    with (
        contextlib.suppress(OSError, struct.error),
        socket.create_connection((LOOPBACK, port), timeout=1) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(struct.pack(">i", len(request)) + request)
        _length, _correlation_id, brokers = struct.unpack(">iii", answer.read(12))
        return int(brokers)
    return 0


def _read_properties(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)
