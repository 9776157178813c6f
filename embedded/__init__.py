"""A real Kafka broker and a real PostgreSQL server, started and stopped from Python, no docker.

    with Kafka(state_dir) as kafka, Postgres(state_dir) as postgres:
        kafka.bootstrap_servers   # "127.0.0.1:PORT", already answers
        postgres.url              # for psycopg and for psql

Linux and macOS.
"""

from embedded.cluster import KafkaCluster
from embedded.errors import (
    DirectoryInUseError,
    EmbeddedError,
    JarRefusedError,
    NoAccountError,
    NoHomeError,
    PortTakenError,
    ProgramMissingError,
    RegistryUnreachableError,
    StartFailedError,
)
from embedded.kafka import Kafka
from embedded.postgres import Postgres

__all__ = [
    "DirectoryInUseError",
    "EmbeddedError",
    "JarRefusedError",
    "Kafka",
    "KafkaCluster",
    "NoAccountError",
    "NoHomeError",
    "PortTakenError",
    "Postgres",
    "ProgramMissingError",
    "RegistryUnreachableError",
    "StartFailedError",
]
