"""What the runbook says is done by hand, done: its own commands, on servers that are lost, restored and left."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from embedded import Kafka, Postgres
from embedded.ports import free_port
from embedded.postgres import find_programs
from numberline.setup import database, topics
from pipeline.settings import Settings
from tests.docs.pages import page
from tests.fix_installation import PARTITIONS, SMALL_ROWS, Installation, load_rows, make_installation
from tests.processes import wait_until

RUNBOOK = page("docs/runbook.md")
EVERY = 4_000  # numbers of SMALL_ROWS, in two area codes
PROGRAMS = (str(Path(sys.executable).parent), str(find_programs()))  # numberline; psql, pg_dump and pg_restore
OTHER_COUNT = 3  # of partitions, after the move


class Place:
    """An installation of these tests, and the broker that it is on."""

    def __init__(self, kafka: Kafka, made: Installation) -> None:
        self.kafka, self.made = kafka, made

    def by_hand(self, section: str, block: int) -> str:
        """Run a block of a section's commands, as a person would in its environment; what it prints."""
        commands = page_section(section)[block]
        path = os.pathsep.join((*PROGRAMS, os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env=os.environ | dict(self.made.environment) | {"PATH": path},
            cwd=self.made.directory,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, **fields: object) -> None:
        """Send a request."""
        self.made.produce(json.dumps(self.made.request("ann", batch_size=100, **fields)).encode())

    def wait_for(self, numbers: int, tasks: int) -> None:
        """Return when PostgreSQL has so many numbers, all different, and so many tasks that have ended."""
        query = "SELECT count(*), count(DISTINCT number), (SELECT count(*) FROM tasks WHERE status = 'completed') "
        wait_until(lambda: self.made.rows(query + "FROM numbers") == [(numbers, numbers, tasks)], 60, "all of it")

    def move(self, **environment: str) -> None:
        """Tell every command and process something else from now on."""
        told = dict(self.made.environment) | environment
        settings = {name.removeprefix("NUMBERLINE_").lower(): value for name, value in told.items()}
        self.made = replace(self.made, environment=told, settings=Settings.model_validate(settings))


def page_section(name: str) -> list[str]:
    """The blocks of commands in a section of the runbook."""
    return replace(RUNBOOK, text=RUNBOOK.section(name)).fences("sh")


@pytest.fixture(scope="module")
def place(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """On a broker of its own, which is stopped and copied."""
    directory = tmp_path_factory.mktemp("runbook")
    kafka = Kafka(directory / "first", port=free_port())
    with kafka:
        made = make_installation(kafka, postgres_server, directory, f"runbook-{uuid.uuid4().hex[:6]}")
        url, namespace = made.settings.database_url.get_secret_value(), made.settings.namespace
        database.upgrade(url)
        database.remember_partitions(url, PARTITIONS)
        asyncio.run(topics.create_topics(kafka.bootstrap_servers, namespace, PARTITIONS, 1))
        load_rows(made.settings, SMALL_ROWS)
        found = Place(kafka, made)
        try:
            yield found
        finally:
            found.kafka.stop()


def test_a_backup_of_postgresql_is_restored_and_brought_up_to_now(
    place: Place, postgres_server: Postgres, tmp_path: Path
) -> None:
    """What was stored after the backup is spent in the ledger, and comes again out of Kafka."""
    with place.made.worker():
        place.ask(quantity=1_000, area_code="201")
        place.wait_for(1_000, 1)
        place.by_hand("PostgreSQL", 0)
        place.ask(quantity=500, area_codes=["201", "202"])
        place.wait_for(1_500, 2)
    place.move(NUMBERLINE_DATABASE_URL=postgres_server.create_database(f"restored_{uuid.uuid4().hex[:6]}"))
    place.by_hand("PostgreSQL", 1)
    said = place.by_hand("PostgreSQL", 2)
    assert "1,500 numbers in the ledger, 1,000 in PostgreSQL" in said
    assert "500 are drawn and not stored" in said
    set_back(place, "", "numbers")
    set_back(place, "-project", "progress")
    set_back(place, "-project", "audit")
    with place.made.worker():
        place.wait_for(1_500, 2)
    assert "not stored" not in place.by_hand("PostgreSQL", 2)


def set_back(place: Place, group: str, topic: str) -> None:
    """As kafka-consumer-groups.sh does, which the embedded broker comes without."""
    name = place.made.settings.namespace
    admin = AdminClient({"bootstrap.servers": place.kafka.bootstrap_servers})
    places = [TopicPartition(f"{name}.{topic}", number, 0) for number in range(PARTITIONS)]
    for future in admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(f"{name}{group}", places)]
    ).values():
        future.result(30)


def test_a_copy_of_the_stopped_broker_is_the_ledger(place: Place) -> None:
    """Neither the broker's disk nor the worker's is there any more; no number comes twice."""
    place.kafka.stop()
    port, first = place.kafka.port, place.kafka.home
    shutil.copytree(first, first.parent.with_name("second") / first.name)
    shutil.rmtree(first)
    shutil.rmtree(place.made.directory / "workers")
    place.kafka = Kafka(first.parent.with_name("second"), port=port)
    place.kafka.start()
    assert "they agree" in place.by_hand("PostgreSQL", 2)
    with place.made.worker():
        place.ask(quantity=1_000, area_code="201")
        place.wait_for(2_500, 3)


def test_partitions_are_not_added_in_place(place: Place) -> None:
    """A worker sees it and refuses."""
    name = f"{place.made.settings.namespace}.batches"
    admin = AdminClient({"bootstrap.servers": place.kafka.bootstrap_servers})
    admin.create_partitions([NewPartitions(name, PARTITIONS + 1)])[name].result(30)
    with place.made.process("worker", "w1", NUMBERLINE_WORKER_ID="w1") as worker:
        assert worker.wait() == 2
    assert f"{name} has {PARTITIONS + 1}" in worker.log.read_text()


def test_everything_moves_to_another_cluster_with_more_partitions(place: Place) -> None:
    """Here to another namespace with another count: the ledger is written anew, and the rest is given out once."""
    place.move(
        NUMBERLINE_NAMESPACE=f"{place.made.settings.namespace}-moved", NUMBERLINE_PARTITIONS=str(OTHER_COUNT)
    )
    shutil.rmtree(place.made.directory / "workers")
    said = place.by_hand("Moving to another cluster or partition count", 0)
    assert f"{OTHER_COUNT} partitions each" in said
    assert "2,500 numbers in the ledger, 2,500 in PostgreSQL" in said
    with place.made.worker() as worker:
        place.ask(quantity=EVERY, area_codes=["201", "202"], on_shortfall="partial")
        place.wait_for(EVERY, 4)
        assert worker.metric("numberline_ledger_conflicts_total") == 0
