"""An installation on the session's servers: topics, tables and prefix data, and its processes."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.client import Client
from numberline.prefixes import release, versions
from numberline.setup import database, topics
from numberline.setup.init import init
from pipeline.prefix_build import PrefixRow
from pipeline.settings import Settings
from schemas import codec
from schemas.events import Audited
from schemas.identity import task_id
from tests.processes import Process, get, wait_until

PARTITIONS = Settings.model_fields["partitions"].default


@dataclass(frozen=True)
class Installation:
    """One installation. Its processes get `environment`; commands and clients `settings`."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    running: dict[str, Process] = field(default_factory=dict, repr=False)  # by the name of the process

    @contextlib.contextmanager
    def worker(self, name: str = "w1", **environment: str) -> Iterator[Process]:
        """A worker that has its partitions."""
        with self.process("worker", name, NUMBERLINE_WORKER_ID=name, **environment) as worker:
            worker.wait_ready()
            yield worker

    @contextlib.contextmanager
    def process(self, command: str, name: str, **environment: str) -> Iterator[Process]:
        """A process, ended at last whatever happens."""
        process = Process(command, dict(self.environment) | environment, self.directory / f"{name}.log")
        self.running[name] = process
        try:
            yield process
        except BaseException:
            print(f"--- end of {process.log}\n{process.log.read_text()[-4000:]}")  # noqa: T201
            raise
        finally:
            self.running.pop(name, None)
            if process.alive():
                process.stop()

    @contextlib.contextmanager
    def gateway(self) -> Iterator[Process]:
        """A gateway that has caught up."""
        with self.process("gateway", "gateway") as gateway:
            url = f"http://127.0.0.1:{self.settings.gateway_port}/readyz"
            wait_until(lambda: get(url), 30, "ready gateway")
            yield gateway

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of the command line, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "numberline", *arguments],
            env=os.environ | dict(self.environment) | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def produce(self, value: bytes | None, **headers: bytes) -> None:
        """A message on the topic of requests, by a client that is none of ours."""
        self.produce_on("requests", value, list(headers.items()))

    def produce_on(
        self,
        topic: str,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        partition: int = -1,
        key: bytes = b"any",
    ) -> None:
        """A message on any topic; without a partition wherever the client puts it."""
        producer = Producer(
            {"bootstrap.servers": self.settings.kafka_bootstrap_servers, "message.max.bytes": 4_000_000}
        )
        failed: list[object] = []
        producer.produce(
            f"{self.settings.namespace}.{topic}",
            value,
            key=key,
            partition=partition,
            headers=headers,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        assert producer.flush(30) == 0
        assert not failed

    def produce_to(self, topic: str, record: Any) -> None:
        """A record of a topic once more, on the same partition."""
        producer = Producer(
            {"bootstrap.servers": self.settings.kafka_bootstrap_servers, "message.max.bytes": 10_000_000}
        )
        name = f"{self.settings.namespace}.{topic}"
        producer.produce(
            name, record.value(), key=record.key(), headers=record.headers(), partition=record.partition()
        )
        assert producer.flush(30) == 0

    def request(self, user: str, **fields: Any) -> dict[str, Any]:
        """The body of a generation, with a request_id of its own."""
        return {"type": "generate", "request_id": uuid.uuid4().hex, "user_id": user, **fields}

    def ending(self, body: Mapping[str, Any], seconds: float = 120) -> dict[str, Any]:
        """Produce a request and wait on the WebSocket for what ends its task, or answers it."""
        return self.messages(body, seconds)[-1]

    def messages(self, body: Mapping[str, Any], seconds: float = 120) -> list[dict[str, Any]]:
        """Produce a request; all that the WebSocket says of its task, up to what ends it."""
        return asyncio.run(self._messages(body, seconds))

    async def _messages(self, body: Mapping[str, Any], seconds: float) -> list[dict[str, Any]]:
        user, request = str(body["user_id"]), str(body.get("request_id"))
        async with asyncio.timeout(seconds), Client.connected(self.settings, user) as client:
            await asyncio.to_thread(self.produce, json.dumps(body).encode())
            task = str(body.get("task_id") or task_id(user, request))
            return [message async for message in client.of_task(task, request) if message is not None]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What PostgreSQL answers."""
        with psycopg.connect(self.settings.database_url.get_secret_value()) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def execute(self, statement: str, *parameters: object) -> None:
        """Change something behind the program's back."""
        with psycopg.connect(self.settings.database_url.get_secret_value()) as connection:
            connection.execute(statement.encode(), parameters)

    def records(self, topic: str) -> list[Any]:
        """Every record of a topic, as a client that is none of ours reads it."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.kafka_bootstrap_servers,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "fetch.message.max.bytes": 20_000_000,
            }
        )
        found, ends = [], 0
        name = f"{self.settings.namespace}.{topic}"
        try:
            consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
            while ends < PARTITIONS:
                record = consumer.poll(20)
                assert record is not None, f"{name} does not end"
                if record.error() is None:
                    found.append(record)
                else:
                    assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
                    ends += 1
        finally:
            consumer.close()
        return found

    def audited(self) -> list[tuple[str, str, str]]:
        """Action, subject and outcome of all audit records, sorted."""
        found = [codec.decode(record.value()) for record in self.records("audit")]
        return sorted((one.action, one.subject, one.outcome) for one in found if isinstance(one, Audited))


def make_installation(kafka: Kafka, postgres: Postgres, directory: Path, namespace: str) -> Installation:
    """An installation without topics, tables and data."""
    environment = {
        "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NUMBERLINE_DATABASE_URL": postgres.create_database(namespace.replace("-", "_")),
        "NUMBERLINE_NAMESPACE": namespace,
        "NUMBERLINE_STATE_DIR": str(directory),
        "NUMBERLINE_GATEWAY_PORT": str(free_port()),
        "NUMBERLINE_HTTP_PORT": str(free_port()),
        "NUMBERLINE_AUTH_SECRET": secrets.token_urlsafe(32),
    }
    settings = Settings.model_validate(
        {name.removeprefix("NUMBERLINE_").lower(): value for name, value in environment.items()}
    )
    return Installation(settings, environment, directory)


@pytest.fixture(scope="session")
def installation(kafka_server: Kafka, postgres_server: Postgres, server_state_dir: Path) -> Iterator[Installation]:
    """One with the shipped prefix data and a gateway; tests bring workers, users and area codes of their own."""
    directory = server_state_dir / "installation"
    directory.mkdir()
    made = make_installation(kafka_server, postgres_server, directory, "end-to-end")
    init(made.settings, lambda text: None)
    with made.gateway():
        yield made


@pytest.fixture
def small_installation(kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path) -> Iterator[Installation]:
    """One of its own for a test, with a gateway and the blocks of SMALL_ROWS alone."""
    with make_small_installation(kafka_server, postgres_server, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_installation(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The same for all tests of a file, in turn."""
    with make_small_installation(kafka_server, postgres_server, tmp_path_factory.mktemp("shared")) as made:
        yield made


@contextlib.contextmanager
def make_small_installation(
    kafka: Kafka, postgres: Postgres, directory: Path, rows: Iterable[PrefixRow] = ()
) -> Iterator[Installation]:
    """An installation with a gateway and these blocks alone, those of SMALL_ROWS without any."""
    rows = tuple(rows) or SMALL_ROWS
    made = make_installation(kafka, postgres, directory, f"small-{uuid.uuid4().hex[:8]}")
    url = made.settings.database_url.get_secret_value()
    database.upgrade(url)
    database.remember_partitions(url, PARTITIONS)
    servers, namespace = kafka.bootstrap_servers, made.settings.namespace
    asyncio.run(topics.create_topics(servers, namespace, PARTITIONS, 1))
    load_rows(made.settings, rows)
    with made.gateway():
        yield made


def load_rows(settings: Settings, rows: Iterable[PrefixRow]) -> versions.Version:
    """Make these rows the current version of the prefix data."""
    data: dict[str, list[PrefixRow]] = {}
    for row in rows:
        data.setdefault(row.area_code, []).append(row)
    origin = versions.Origin(versions.IMPORTED, "rows of a test", b"")
    with versions.locked(settings, wait=True) as connection:
        return release.release(settings, connection, release.propose(origin, {}, data), lambda _: None)


SMALL_ROWS = [
    PrefixRow("201", 200, 0b11, "US", "NJ", "America/New_York", "VERIZON NEW JERSEY", "landline"),
    PrefixRow("201", 201, 0b1, "US", "NJ", "America/New_York", "T-MOBILE USA, INC.", "wireless"),
    PrefixRow("202", 300, 0b1, "US", "DC", "America/New_York", "VERIZON WASHINGTON DC", "landline"),
    PrefixRow("202", 555, 0b1, "US", "DC", "America/New_York", "NOBODY", "landline"),
]
