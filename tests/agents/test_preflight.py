"""What a worker refuses to start on."""

import ast
import asyncio
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from alembic.script import ScriptDirectory
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agents.preflight import MISSING_RIGHTS, Found, judge, preflight
from embedded import Kafka
from numberline.setup import database
from numberline.setup.database import remember_partitions
from numberline.setup.newest import MIGRATIONS, newest_migration
from numberline.setup.topics import create_topics
from pipeline.errors import RefusedToStart, Unavailable
from pipeline.settings import Settings
from schemas import topics
from schemas.partitions import partition_for
from tests.embedded.processes import listeners, wait_until

NAMES = [topics.topic_name("line", topic) for topic in topics.TOPICS]
NAMES += [topics.changelog_name("line", table) for table in topics.TABLES]
NEWEST = newest_migration()
AGENTS = Path(__file__).parents[2] / "agents"
FOUND = Found("0007", 4, dict.fromkeys(NAMES, 4), ledger_partitions=frozenset(), area_codes=())
AREA_CODES = tuple(str(code) for code in range(201, 209))
INIT = "Run `numberline init` with the same environment."


def refusal(found: Found) -> str:
    """Why a worker does not start."""
    with pytest.raises(RefusedToStart) as refused:
        judge("line", "0007", found)
    return str(refused.value)


@pytest.mark.parametrize(
    "found",
    [
        FOUND,
        replace(FOUND, ledger_partitions=frozenset(range(4)), area_codes=AREA_CODES),
        replace(FOUND, ledger_partitions=frozenset([partition_for("212", 4)]), area_codes=("212",)),
        replace(FOUND, ledger_partitions=frozenset([1])),  # drawn, not yet stored
        replace(FOUND, partitions=FOUND.partitions | {"of somebody else": 99}),
    ],
)
def test_an_installation_that_fits_gives_its_partition_count(found: Found) -> None:
    """New, in use, and beside another on the same broker."""
    assert judge("line", "0007", found) == 4


def test_missing_topics_are_named() -> None:
    """Topics and changelogs, in the order of the table of topics."""
    left = {name: 4 for name in NAMES if name not in ("line.batches", "line-ledger-changelog")}
    assert refusal(replace(FOUND, partitions=left)) == (
        f"the topics line.batches, line-ledger-changelog are missing\n{INIT}"
    )


def test_missing_tables_are_told() -> None:
    """PostgreSQL knows of no installation."""
    assert refusal(replace(FOUND, installed_partitions=None)) == f"the tables are missing\n{INIT}"


def test_tables_of_an_earlier_version_are_refused() -> None:
    """With both migrations and the command; tables of a later version are not."""
    assert refusal(replace(FOUND, migration="0005", partitions={})) == (
        f"the tables are those of an earlier numberline: migration 0005, and this one needs 0007\n{INIT}"
    )
    assert judge("line", "0007", replace(FOUND, migration="0008")) == 4


def test_the_newest_migration_is_that_of_alembic() -> None:
    """Its files are named by their revisions."""
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == NEWEST


def test_another_partition_count_is_refused() -> None:
    """Every topic that differs is named with its count."""
    other = FOUND.partitions | {"line.batches": 5, "line-tasks-changelog": 3}
    assert refusal(replace(FOUND, partitions=other)) == (
        "this installation has 4 partitions a topic, but line.batches has 5, line-tasks-changelog has 3\n"
        "With another count keys change their partition and the ledger forgets numbers: restore the topics."
    )


REBUILD = (
    "Numbers would be given out twice. Stop all workers, then run `numberline ledger rebuild`: it writes the "
    "ledger again from PostgreSQL."
)


def test_a_lost_ledger_is_refused() -> None:
    """An empty changelog beside a database with numbers."""
    assert refusal(replace(FOUND, area_codes=AREA_CODES)) == (
        "the ledger is lost: line-ledger-changelog has no records of area code 201, 202, 203 and 5 more, and "
        f"PostgreSQL holds numbers of them\n{REBUILD}"
    )


def test_a_lost_partition_of_the_ledger_is_refused() -> None:
    """The others have their records."""
    kept = frozenset(range(4)) - {partition_for("203", 4)}
    lost = [code for code in AREA_CODES if partition_for(code, 4) not in kept]
    assert refusal(replace(FOUND, ledger_partitions=kept, area_codes=AREA_CODES)).startswith(
        f"a part of the ledger is lost: line-ledger-changelog has no records of area code {', '.join(lost[:3])}"
    )


@pytest.fixture
def settings(kafka_server: Kafka, database_url: str, namespace: str, tmp_path: Path) -> Settings:
    """Of an installation of this test's own, nothing of which is there but empty tables."""
    return Settings(
        kafka_bootstrap_servers=kafka_server.bootstrap_servers,
        database_url=SecretStr(database_url),
        namespace=namespace,
        state_dir=tmp_path,
        worker_id="w1",
        metrics_port=0,
    )


async def installed(settings: Settings, partitions: int = 2) -> None:
    """Topics and tables, as `numberline init` makes them."""
    remember_partitions(settings.database_url.get_secret_value(), partitions)
    await create_topics(settings.kafka_bootstrap_servers, settings.namespace, partitions, 1)


async def test_a_new_installation_is_accepted(settings: Settings) -> None:
    """With the count that it was made with, whatever the setting says now."""
    await installed(settings, 2)
    assert settings.partitions != 2
    assert await preflight(settings, NEWEST) == 2


async def test_a_broker_without_the_topics_is_refused(settings: Settings) -> None:
    """All are named."""
    remember_partitions(settings.database_url.get_secret_value(), 2)
    with pytest.raises(RefusedToStart, match=rf"the topics {settings.namespace}\.requests, .* are missing"):
        await preflight(settings, NEWEST)


async def test_a_database_without_tables_is_refused(settings: Settings) -> None:
    """It is reachable, and nobody has run init on it."""
    await installed(settings)
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("DROP TABLE installation")
    with pytest.raises(RefusedToStart, match="the tables are missing"):
        await preflight(settings, NEWEST)


async def test_tables_before_an_upgrade_are_refused(settings: Settings) -> None:
    """By the migration: the tables that the workers read next are not there yet."""
    await installed(settings)
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0005'")
        connection.execute("DROP TABLE quotas")
    with pytest.raises(RefusedToStart, match="those of an earlier numberline: migration 0005, and this one needs"):
        await preflight(settings, NEWEST)


async def test_a_role_without_rights_is_refused(settings: Settings) -> None:
    """With what it lacks: waiting would not help."""
    url = settings.database_url.get_secret_value()
    database.upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO stranger")
        connection.execute("REVOKE INSERT ON numbers, audit_records FROM stranger")
    strangers = SecretStr(url.replace("//postgres@", "//stranger@"))
    try:
        with pytest.raises(RefusedToStart) as refused:
            await preflight(settings.model_copy(update={"database_url": strangers}), NEWEST)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY stranger")
            connection.execute("DROP ROLE stranger")
    assert str(refused.value) == (
        "PostgreSQL does not let stranger work: it lacks INSERT on numbers, INSERT on audit_records\n"
        "Grant it that, or name another role in NUMBERLINE_DATABASE_URL."
    )


def test_rights_are_asked_for_tables_that_are_there(database_url: str) -> None:
    """A name that no table has any more would ask for nothing."""
    named = set(re.findall(r"\('(\w+)', '[A-Z ]+'\)", MISSING_RIGHTS))
    with psycopg.connect(database_url) as connection:
        there = {name for (name,) in connection.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")}

    assert "numbers" in named
    assert named - there == set()


WRITES = (  # a statement, and the right that it needs
    (r"INSERT INTO (\w+)", "INSERT"),
    (r"COPY (\w+) \([^)]*\) FROM STDIN", "INSERT"),
    (r"INSERT INTO (\w+)(?:(?!INSERT INTO).)*?ON CONFLICT [^;]*?DO UPDATE", "UPDATE"),
    (r"UPDATE (\w+) SET", "UPDATE"),
    (r"DELETE FROM (\w+)", "DELETE"),
    (r"(?:FROM|JOIN) (\w+)", "SELECT"),
)


def test_every_right_that_steps_use_is_asked_for() -> None:
    """Of every statement of every step: a worker that lacked one would start, and fail at its first record."""
    texts = [
        node.value
        for path in AGENTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    made = "".join(path.read_text() for path in (MIGRATIONS / "versions").glob("*.py"))
    tables = set(re.findall(r"CREATE TABLE (\w+)", made)) - set(re.findall(r"(?<=\n)DROP TABLE (\w+)", made))
    used = {
        (table, right)
        for pattern, right in WRITES
        for text in texts
        for table in re.findall(pattern, text, re.DOTALL)
        if table in tables
    }
    asked = re.findall(r"\('(\w+)', '([A-Z ]+)'\)", MISSING_RIGHTS)
    assert used - {(table, right) for table, rights in asked for right in rights.split()} == set()
    assert {table for table, _ in asked} - {"alembic_version"} <= tables


async def test_a_topic_that_has_grown_is_refused(settings: Settings) -> None:
    """Somebody added a partition: keys would move."""
    await installed(settings)
    name = topics.topic_name(settings.namespace, topics.BATCHES)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    await admin.create_partitions({name: NewPartitions(3)})
    async with asyncio.timeout(30):  # until the broker's metadata tell of it
        while len((await admin.describe_topics([name]))[0]["partitions"]) != 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await admin.close()

    with pytest.raises(RefusedToStart) as refused:
        await preflight(settings, NEWEST)
    assert refused.value.found == f"this installation has 2 partitions a topic, but {name} has 3"


async def test_numbers_without_a_ledger_are_refused(settings: Settings) -> None:
    """The changelog was lost with the broker, the database was not; one record of it is enough to start."""
    await installed(settings)
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO numbers VALUES (12120000000, 1, 1)")
    with pytest.raises(RefusedToStart, match="the ledger is lost"):
        await preflight(settings, NEWEST)

    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await producer.start()
    changelog = topics.changelog_name(settings.namespace, "ledger")
    await producer.send_and_wait(changelog, b"fact", key=b"212|task|0", partition=partition_for("212", 2))
    await producer.stop()
    assert await preflight(settings, NEWEST) == 2


async def test_a_server_that_is_away_is_unavailable(settings: Settings) -> None:
    """Which one, and the variable that says where it is; the password stays secret."""
    away = SecretStr("postgresql://ann:secret@127.0.0.1:1/numberline")
    with pytest.raises(Unavailable, match=r"PostgreSQL \(NUMBERLINE_DATABASE_URL\)") as failed:
        await preflight(settings.model_copy(update={"database_url": away}), NEWEST)
    assert "secret" not in str(failed.value)
    with pytest.raises(Unavailable, match=r"Kafka broker at 127.0.0.1:1 \(NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS\)"):
        await preflight(settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"}), NEWEST)


RUN = (
    "from agents.run import run_worker; from pipeline.settings import load_settings; "
    f"run_worker(load_settings(), '{NEWEST}')"
)


async def test_a_worker_opens_its_metrics_port_and_no_other(settings: Settings, tmp_path: Path) -> None:
    """The whole worker with all its steps: ready, one port, and SIGTERM ends it with 0."""
    await installed(settings)
    environment = os.environ | {
        "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "NUMBERLINE_DATABASE_URL": settings.database_url.get_secret_value(),
        "NUMBERLINE_NAMESPACE": settings.namespace,
        "NUMBERLINE_STATE_DIR": str(tmp_path),
        "NUMBERLINE_WORKER_ID": "w1",
        "NUMBERLINE_METRICS_PORT": "0",
    }
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        program = f"import logging; logging.basicConfig(level='INFO'); {RUN}"
        worker = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", program], env=environment, stdout=output, stderr=output
        )
    try:
        assert wait_until(lambda: "Worker ready" in log.read_text(), 60), log.read_text()[-3000:]
        ports = listeners(worker.pid)
        assert [address for address, _ in ports] == ["127.0.0.1"]
        assert list(text_string_to_metric_families(_get(ports[0][1])))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.wait()


def _get(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text: str = answer.read().decode()
    return text
