"""`numberline verify` on a running installation, and on one in which something is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.monitoring.rules import USUAL
from numberline.setup.newest import newest_migration
from numberline.setup.topic_settings import Difference
from numberline.setup.topics import update_topics
from numberline.verify.check import Broken, outcomes
from numberline.verify.checks import PREFIX_DATA, all_checks
from numberline.verify.parts import OLD_DAYS, tables
from tests.fix_installation import Installation

PATIENCE_SECONDS = 30
NOWHERE = {"NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "NUMBERLINE_GATEWAY_PORT": "1"}


def test_each_part_works(installation: Installation) -> None:
    """Exit 0 and a line a part; for programs as JSON."""
    with installation.worker("verified"):
        done = installation.run("verify")
        told = json.loads(installation.run("verify", "--json").stdout)
    assert done.returncode == 0, done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["works"] * 13
    assert "works   topics         15 topics, 4 partitions each, 1 copy" in done.stdout
    assert "works   cancel         a task cancelled before it came ended without a number" in done.stdout
    assert told["works"] is True
    assert [one["check"] for one in told["checks"]][-5:] == [
        *("generation", "validation", "refusal", "cancel"),
        "resumed socket",
    ]


def test_what_needs_a_server_that_is_away_is_not_tried(installation: Installation) -> None:
    """Exit 1 and what to do, for a broker that is not there; what needs it is not tried."""
    done = installation.run("verify", **NOWHERE)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("fails   broker         the Kafka broker 127.0.0.1:1 cannot be reached: ")
    assert "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS" in lines[1]
    assert "skipped topics         needs broker" in lines
    assert "skipped generation     needs ledger, worker, gateway" in lines


def test_a_system_without_workers_says_how_to_start_one(shared_installation: Installation) -> None:
    """All else works, and nothing is asked of nobody; exit 1, for programs as well."""
    done = shared_installation.run("verify", "--json")
    told = {one["check"]: one for one in json.loads(done.stdout)["checks"]}
    assert (done.returncode, json.loads(done.stdout)["works"]) == (1, False)
    group = shared_installation.settings.namespace
    assert told["worker"]["found"] == f"none is running: the consumer group {group} has no members"
    assert told["worker"]["remedy"].startswith("Start one with `numberline worker` in the same environment")
    assert [name for name, one in told.items() if one["status"] == "fails"] == ["worker"]
    assert told["generation"]["found"] == "needs worker"


def test_another_secret_than_the_gateways_is_told(shared_installation: Installation) -> None:
    """What is wrong is the secret, and not the gateway; without any, the variable is named."""
    secret = {"NUMBERLINE_AUTH_SECRET": "another secret than that of the gateway"}
    with shared_installation.worker("checked"):
        done = shared_installation.run("verify", **secret)
    assert done.returncode == 1
    assert "works   gateway" in done.stdout
    assert "it closes with 4401: the token is not valid: Signature verification failed" in done.stdout
    assert "NUMBERLINE_AUTH_SECRET must be the gateway's own" in done.stdout


def test_a_gateway_that_is_away_is_told_with_its_variable(shared_installation: Installation) -> None:
    """By where it was looked for."""
    done = shared_installation.run("verify", NUMBERLINE_GATEWAY_PORT="1")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("fails   gateway")]
    assert "http://127.0.0.1:1/readyz cannot be reached" in line
    assert "NUMBERLINE_GATEWAY_PORT" in done.stdout


@pytest.fixture
async def admin(shared_installation: Installation) -> AsyncIterator[AIOKafkaAdminClient]:
    """Of the shared installation's broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=shared_installation.settings.kafka_bootstrap_servers)
    await admin.start()
    yield admin
    await admin.close()


async def until_it_has(admin: AIOKafkaAdminClient, topic: str, **settings: str) -> None:
    """Return once the broker says that these are the topic's: it applies them after it has answered."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer, *_ = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            now = {entry[0].replace(".", "_"): entry[1] for entry in answer.resources[0][-1]}
            if now.items() >= settings.items():
                return
            await asyncio.sleep(0.05)


async def test_what_is_wrong_with_topics_and_tables_is_told(
    shared_installation: Installation, admin: AIOKafkaAdminClient
) -> None:
    """A setting that somebody changed, which init sets back; an upgrade without init; no worker."""
    settings = shared_installation.settings
    name = f"{settings.namespace}.batches"
    changed = {"retention.ms": "1000", "segment.ms": "5000"}  # one that is ours, and one that is not
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, changed)])
    await until_it_has(admin, name, retention_ms="1000", segment_ms="5000")
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    found = {one.check: one for one in await outcomes(all_checks(), settings, lambda _: None)}
    assert f"{name} retention.ms=1000, not 1209600000" in found["topics"].found
    assert found["topics"].remedy == "Run `numberline init` with the same environment."
    assert found["tables"].found == f"migration 0001, and this numberline needs {newest_migration()}"
    assert "Run `numberline init`" in found["tables"].remedy
    assert (found["ledger"].status, found["gateway"].status) == ("skipped", "works")
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("DELETE FROM alembic_version")
    with pytest.raises(Broken, match="no migration"):
        await tables(settings)

    copies = settings.replication_factor
    was_changed = await update_topics(settings.kafka_bootstrap_servers, settings.namespace, copies)
    assert was_changed == [
        Difference(name, "max.message.bytes", "1048588", "10485760"),
        Difference(name, "retention.ms", "1000", "1209600000"),
    ]
    await until_it_has(admin, name, retention_ms="1209600000", segment_ms="5000")


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        (f"current_date - {OLD_DAYS}", "120 days old"),
        (f"current_date - {OLD_DAYS + 1}", "121 days old; `numberline prefixes import` takes newer files"),
        ("NULL", "imported 400 days ago; `numberline prefixes import` takes newer files"),
    ],
)
async def test_prefix_data_that_is_old_works_and_is_told(
    shared_installation: Installation, as_of: str, told: str
) -> None:
    """By the date of its files, or without one by that of the import."""
    settings = shared_installation.settings
    change = f"UPDATE prefix_versions SET as_of = {as_of}, imported_at = now() - interval '400 days'"
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("SET timezone TO 'UTC'")
        connection.execute(change)
    (look,) = [one for one in all_checks() if one.name == PREFIX_DATA]
    (found,) = await outcomes([replace(look, needs=())], settings, lambda _: None)
    assert (found.status, found.remedy) == ("works", "")
    assert found.found.endswith(f"2 area codes, {told}")


def test_verify_and_the_alert_call_the_same_data_old() -> None:
    """Who is sent here by the alert is told how to end it."""
    assert USUAL.prefix_age_seconds == OLD_DAYS * 86_400
