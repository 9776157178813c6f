"""One story of a worker, told twice on a real broker: with our workarounds, and without.

Its chapters are the same; what becomes of each is what test_story.py asserts.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from schemas import topics
from tests.embedded.processes import listeners

WORKAROUNDS = frozenset({"f2", "f6", "f7", "f18", "f20", "web"})
PATIENCE_SECONDS = 60.0


@dataclass
class Story:
    """What was seen, chapter by chapter."""

    dead_once: list[int] = field(default_factory=list)  # exit code, then how often its record was processed
    committed_after_death: int | None = None
    offset_of_death: int = -1
    raw_values: list[str | None] = field(default_factory=list)
    raw_committed: int | None = None
    look: dict[str, Any] = field(default_factory=dict)
    listening: list[tuple[str, int]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    refused_exit: int | None = None
    refused_committed: bool = False
    gone_exit: int | None = None
    gone_reached: bool = False
    log: str = ""


class SmallWorker:
    """A process of tests.agents.faust_workarounds.small_worker; its lines are read from a file."""

    def __init__(self, configuration: dict[str, Any], directory: Path, run: int) -> None:
        self._output, self.log = directory / f"{run}.out", directory / f"{run}.log"
        with self._output.open("wb") as output, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.agents.faust_workarounds.small_worker", json.dumps(configuration)],
                stdout=output,
                stderr=log,
            )

    def lines(self) -> list[dict[str, Any]]:
        """What it has reported, whole lines only."""
        return [
            json.loads(line) for line in self._output.read_bytes().splitlines(keepends=True) if line[-1:] == b"\n"
        ]

    def reported(self, value: bytes) -> list[dict[str, Any]]:
        """Its lines about records of this value."""
        return [line for line in self.lines() if line["value"] == value.hex()]

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """The condition's truth, or what it waited for and the end of its log."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := condition()):
            if self.process.poll() is not None and not condition():
                raise AssertionError(f"ended with {self.process.returncode} before {what}: {self.tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} in time: {self.lines()} {self.tail()}")
            time.sleep(0.05)
        return found

    def line_of(self, value: bytes) -> dict[str, Any]:
        """Its last line about a record, waiting for it."""
        found: list[dict[str, Any]] = self.wait_for(lambda: self.reported(value), f"record {value!r}")
        return found[-1]

    def ended(self) -> int:
        """Its exit code, waiting for it."""
        return self.process.wait(PATIENCE_SECONDS)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]


class Teller:
    """Starts workers of one installation, and is the broker's other client."""

    def __init__(
        self, servers: str, namespace: str, directory: Path, without: frozenset[str], web_port: int
    ) -> None:
        self._namespace, self._directory = namespace, directory
        self._producer = Producer({"bootstrap.servers": servers, "acks": "all"})
        self._admin = AdminClient({"bootstrap.servers": servers})
        self._configuration = {
            "settings": {
                "kafka_bootstrap_servers": servers,
                "namespace": namespace,
                "state_dir": str(directory),
                "worker_id": "w1",
                "session_timeout_seconds": 10,
            },
            "without": sorted(without),
            "web_port": web_port,
        }
        self._runs = 0
        self.commands = topics.topic_name(namespace, topics.TASK_EVENTS)
        self.raw = topics.topic_name(namespace, topics.REQUESTS)
        self.changelog = topics.changelog_name(namespace, "tasks")

    @contextlib.contextmanager
    def worker(self) -> Iterator[SmallWorker]:
        """A worker, ended at last whatever happens."""
        self._runs += 1
        worker = SmallWorker(self._configuration, self._directory, self._runs)
        try:
            yield worker
        finally:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()

    def produce(self, topic: str, value: bytes | None, key: bytes = b"k") -> int:
        """A record on partition 0; its offset."""
        offsets: list[int] = []

        def delivered(error: Any, message: Any) -> None:
            assert error is None, error
            offsets.append(message.offset())

        self._producer.produce(topic, value, key, partition=0, on_delivery=delivered)
        assert self._producer.flush(30) == 0
        return offsets[0]

    def committed(self, topic: str) -> int | None:
        """The group's offset of partition 0."""
        request = ConsumerGroupTopicPartitions(self._namespace, [TopicPartition(topic, 0)])
        (answer,) = self._admin.list_consumer_group_offsets([request]).values()
        offset: int = answer.result(20).topic_partitions[0].offset
        return offset if offset >= 0 else None

    def end(self, topic: str) -> int:
        """The offset that the next record of partition 0 gets."""
        (answer,) = self._admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()}).values()
        offset: int = answer.result(20).offset
        return offset

    def limit(self, topic: str, max_bytes: int) -> None:
        """Let the broker refuse every larger record of a topic."""
        entry = ConfigEntry("max.message.bytes", str(max_bytes), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        for answer in self._admin.incremental_alter_configs([resource]).values():
            answer.result(20)

    def delete_before(self, topic: str, offset: int) -> None:
        """Delete the records of partition 0 below an offset."""
        for answer in self._admin.delete_records([TopicPartition(topic, 0, offset)]).values():
            answer.result(20)


def tell(teller: Teller) -> Story:
    """All chapters."""
    story = Story()
    with teller.worker() as worker:
        _own_and_foreign_records(teller, worker)
        _undecodable_records(teller, worker, story)
        _changelogs_after_recovery(teller, worker, story)
        story.listening = listeners(worker.process.pid)
        _a_step_that_raises(teller, worker, story)
    with teller.worker() as worker:
        teller.produce(teller.commands, b"dump")
        story.keys = worker.line_of(b"dump")["keys"]
        story.dead_once.append(len(worker.reported(b"die")))
        _a_changelog_record_that_is_refused(teller, worker, story)
    with teller.worker() as worker:
        _records_that_are_gone(teller, worker, story)
        story.log = worker.log.read_text()
    return story


def _own_and_foreign_records(teller: Teller, worker: SmallWorker) -> None:
    """F6: a successor writes to the changelog between two records of ours, as while we were paused."""
    teller.produce(teller.commands, b"put ours-1 10")
    worker.line_of(b"put ours-1 10")
    worker.wait_for(lambda: teller.end(teller.changelog) == 1, "first changelog record")
    teller.produce(teller.changelog, b"of a successor", b"foreign")
    teller.produce(teller.commands, b"put ours-2 10")
    worker.line_of(b"put ours-2 10")
    worker.wait_for(lambda: teller.end(teller.changelog) == 3, "third changelog record")


def _undecodable_records(teller: Teller, worker: SmallWorker, story: Story) -> None:
    """A value that is no JSON, and a tombstone."""
    teller.produce(teller.raw, b"\xff{")
    last = teller.produce(teller.raw, None)
    worker.wait_for(lambda: teller.committed(teller.raw) == last + 1, "commit past them")
    story.raw_values = [line["value"] for line in worker.lines() if line["topic"] == teller.raw]
    story.raw_committed = teller.committed(teller.raw)


def _changelogs_after_recovery(teller: Teller, worker: SmallWorker, story: Story) -> None:
    """What the consumer does about the records that this worker has itself written to its changelog."""

    def looked() -> bool:
        value = f"look {time.monotonic_ns()}".encode()
        teller.produce(teller.commands, value)
        story.look = worker.line_of(value)
        return teller.changelog in story.look["undrained"] or teller.changelog in story.look["paused"]

    worker.wait_for(looked, "changelog that is paused or fetched")


def _a_step_that_raises(teller: Teller, worker: SmallWorker, story: Story) -> None:
    """F4."""
    story.offset_of_death = teller.produce(teller.commands, b"die")
    story.dead_once = [worker.ended(), len(worker.reported(b"die"))]
    story.committed_after_death = teller.committed(teller.commands)


def _a_changelog_record_that_is_refused(teller: Teller, worker: SmallWorker, story: Story) -> None:
    """F2: the broker refuses the record; may the event that wrote it count as done?"""
    worker.wait_for(lambda: teller.committed(teller.commands) == teller.end(teller.commands), "commit of all")
    teller.limit(teller.changelog, 1000)
    offset = teller.produce(teller.commands, b"put large 5000")
    with contextlib.suppress(AssertionError):
        worker.wait_for(lambda: teller.committed(teller.commands) == offset + 1, "commit")
    story.refused_committed = teller.committed(teller.commands) == offset + 1
    if story.refused_committed:
        worker.process.terminate()
    story.refused_exit = worker.ended()
    teller.limit(teller.changelog, 1 << 20)


def _records_that_are_gone(teller: Teller, worker: SmallWorker, story: Story) -> None:
    """F7: a running worker's position falls below the first record that the broker keeps."""
    teller.produce(teller.commands, b"before")
    worker.line_of(b"before")
    worker.wait_for(lambda: teller.committed(teller.commands) == teller.end(teller.commands), "commit of all")
    os.kill(worker.process.pid, signal.SIGSTOP)
    teller.produce(teller.commands, b"answers the fetch that waits at the broker")
    for _ in range(3):
        last = teller.produce(teller.commands, b"expires unread")
    teller.delete_before(teller.commands, last + 1)
    os.kill(worker.process.pid, signal.SIGCONT)
    teller.produce(teller.commands, b"after")
    with contextlib.suppress(AssertionError):
        worker.line_of(b"after")
    story.gone_reached = bool(worker.reported(b"after"))
    if story.gone_reached:
        worker.process.terminate()
    story.gone_exit = worker.ended()
