"""What the runbook says is done by hand, done: its own commands, on servers that are lost, restored and left."""

import asyncio
import json
import re
import shutil
import signal
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.setup import database, topics
from pipeline.settings import Settings
from schemas.identity import task_id
from tests.docs.pages import page
from tests.fix_installation import PARTITIONS, SMALL_ROWS, Installation, load_rows, make_installation
from tests.operations.by_hand import bring_kafka_programs, by_hand
from tests.prefix_files import OWN_HEADER, write
from tests.processes import wait_until

RUNBOOK = page("docs/runbook.md")
EVERY = 4_000  # numbers of SMALL_ROWS, in two area codes
# as SMALL_ROWS, but that a company has another name
NEWER = [
    OWN_HEADER,
    "201,200,01,US,NJ,America/New_York,VERIZON NEW JERSEY,landline",
    '201,201,0,US,NJ,America/New_York,"ONVOY, LLC",voip',
    "202,300,0,US,DC,America/New_York,VERIZON WASHINGTON DC,landline",
    "202,555,0,US,DC,America/New_York,NOBODY,landline",
]
# nothing is stored meanwhile, and what is in hand ends with the worker
HOLD = (
    "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
    "CREATE TRIGGER hold BEFORE INSERT ON numbers FOR EACH STATEMENT EXECUTE FUNCTION hold()",
)
LET_GO = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE application_name = 'numberline-worker' AND datname = current_database()",
    "DROP FUNCTION hold() CASCADE",
)
OTHER_COUNT = 3  # of partitions, after the move


class Place:
    """An installation of these tests, and the broker that it is on."""

    def __init__(self, kafka: Kafka, made: Installation) -> None:
        self.kafka, self.made = kafka, made

    def by_hand(self, section: str, block: int) -> str:
        """Run a block of a section's commands, as a person would in its environment; what it prints."""
        return by_hand(self.made, page_section(section)[block])

    def set_groups(self, section: str, block: int, moment: str = "") -> None:
        """Run a block of kafka-consumer-groups.sh for this installation, again while a group has members."""
        commands = page_section(section)[block].replace("numberline", self.made.settings.namespace)
        commands = commands.replace("BROKER", self.kafka.bootstrap_servers)
        commands = commands.replace("2026-11-24T02:00:00.000", moment)
        wait_until(lambda: "Error" not in by_hand(self.made, commands), 30, "groups without members")

    def ask(self, **fields: object) -> str:
        """Send a request; its task."""
        body = self.made.request("ann", batch_size=100, **fields)
        self.made.produce(json.dumps(body).encode())
        return task_id("ann", body["request_id"])

    def status(self, task: str) -> str:
        """Of a task, as PostgreSQL has it; empty where it knows none."""
        return "".join(status for (status,) in self.made.rows("SELECT status FROM tasks WHERE task_id = %s", task))

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
        bring_kafka_programs(made.directory)
        found = Place(kafka, made)
        try:
            yield found
        finally:
            found.kafka.stop()


def test_every_block_of_commands_is_run() -> None:
    """By the tests below, which name it by its section and place."""
    sections = re.findall(r"^### (.+)$", RUNBOOK.text, re.MULTILINE)
    blocks = {(name, str(place)) for name in sections for place in range(len(page_section(name)))}
    assert set(re.findall(r'\.(?:by_hand|set_groups)\("([^"]+)", (\d)', Path(__file__).read_text())) == blocks


def test_a_backup_of_postgresql_is_restored_and_brought_up_to_now(
    place: Place, postgres_server: Postgres, tmp_path: Path
) -> None:
    """What was stored after the backup is spent in the ledger, and comes again out of Kafka."""
    with place.made.worker():
        place.ask(quantity=1_000, area_code="201")
        place.wait_for(1_000, 1)
        moment = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        place.by_hand("PostgreSQL", 0)
        newer = f"numberline prefixes import {write(tmp_path / 'newer.csv', NEWER)}"
        assert "Version 2 is published" in by_hand(place.made, newer)
        place.ask(quantity=500, area_codes=["201", "202"])
        place.wait_for(1_500, 2)
    by_version = "SELECT prefix_data_version, count(*) FROM phone_numbers GROUP BY 1 ORDER BY 1"
    before = place.made.rows(by_version)
    place.move(NUMBERLINE_DATABASE_URL=postgres_server.create_database(f"restored_{uuid.uuid4().hex[:6]}"))
    place.by_hand("PostgreSQL", 1)
    assert "Version 2 is published" in by_hand(place.made, newer)
    said = place.by_hand("PostgreSQL", 2)
    assert "1,500 numbers in the ledger, 1,000 in PostgreSQL" in said
    assert "500 are drawn and not stored" in said
    place.set_groups("PostgreSQL", 3, moment)
    with place.made.worker():
        place.wait_for(1_500, 2)
    assert "not stored" not in place.by_hand("PostgreSQL", 2)
    assert place.made.rows(by_version) == before


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


def test_a_worker_away_for_longer_than_its_topic_keeps_records_says_so(place: Place) -> None:
    """What expired unread is skipped by hand; a lost request is asked for again."""
    lost, topic = place.ask(quantity=100, area_code="202"), f"{place.made.settings.namespace}.requests"
    admin = AdminClient({"bootstrap.servers": place.kafka.bootstrap_servers})
    everything = [TopicPartition(topic, number, OFFSET_END) for number in range(PARTITIONS)]
    for future in admin.delete_records(everything).values():  # as retention does
        future.result(30)
    with place.made.process("worker", "w1", NUMBERLINE_WORKER_ID="w1") as worker:
        assert worker.wait() == 1
    assert "records expired unread" in worker.log.read_text()
    place.set_groups("Retention", 0)
    with place.made.worker():
        assert "0 redriven" in place.by_hand("Retention", 1)
        assert place.status(lost) == ""
        place.ask(quantity=100, area_code="202")
        place.wait_for(2_600, 4)


def test_all_of_kafka_is_lost(place: Place) -> None:
    """PostgreSQL knows what was given out; a task that ran is asked for again, and no number comes twice."""
    for statement in HOLD:
        place.made.execute(statement)
    with place.made.worker() as worker:
        lost = place.ask(quantity=100, area_code="201")  # one batch: others would hold all connections
        wait_until(lambda: place.status(lost) == "running", 60, "running task")
        worker.stop(signal.SIGKILL)
    for statement in LET_GO:
        place.made.execute(statement)
    place.kafka.stop()
    port, gone = place.kafka.port, place.kafka.home
    shutil.rmtree(gone)
    place.kafka = Kafka(gone.parent.with_name("third"), port=port)
    place.kafka.start()
    with place.made.process("worker", "w1", NUMBERLINE_WORKER_ID="w1") as worker:
        assert worker.wait() == 2
    shutil.rmtree(place.made.directory / "workers")
    assert "2,600 numbers in the ledger, 2,600 in PostgreSQL" in place.by_hand("Kafka", 0)
    with place.made.worker():
        place.ask(quantity=400, area_codes=["201", "202"])
        place.wait_for(3_000, 5)
    assert place.status(lost) == "running"


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
    assert "3,000 numbers in the ledger, 3,000 in PostgreSQL" in said
    with place.made.worker() as worker:
        place.ask(quantity=EVERY, area_codes=["201", "202"], on_shortfall="partial")
        place.wait_for(EVERY, 6)
        assert worker.metric("numberline_ledger_conflicts_total") == 0
