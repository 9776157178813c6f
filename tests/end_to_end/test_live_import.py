"""Prefix data changes under a running worker: no restart, no batch of two versions, nothing withdrawn."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from agents import catalogue
from agents.catalogue import CatalogueReader
from agents.records import batch_headers
from numberline.prefixes import importing, release, versions
from pipeline.metrics import WorkerMetrics
from pipeline.prefix_build import PrefixRow
from schemas import codec, events
from schemas.identity import task_id
from schemas.partitions import partition_for
from tests.fix_installation import PARTITIONS, SMALL_ROWS, Installation, load_rows
from tests.prefix_files import OWN_HEADER, as_csv, write
from tests.processes import Process, wait_until

ALL = 0b11_1111_1111
QUANTITY = 120_000  # in batches of 100, which take longer than an import


def rows(carrier: str, exchanges: range) -> list[PrefixRow]:
    """Whole exchanges of area code 201."""
    return [PrefixRow("201", nxx, ALL, "US", "NJ", "America/New_York", carrier, "landline") for nxx in exchanges]


@pytest.fixture
def there(small_installation: Installation) -> Installation:
    """One whose version 2 has the exchanges 200 to 249, all of them OLD's."""
    load_rows(small_installation.settings, rows("OLD", range(200, 250)))
    return small_installation


@pytest.fixture
def worker(there: Installation) -> Iterator[Process]:
    """One that plans by version 2."""
    with there.worker("live") as process:
        wait_until(lambda: plans_by(process) == 2, 60, "version 2")
        yield process


def plans_by(worker: Process) -> float:
    """The version that a worker plans requests by."""
    return worker.metric("numberline_prefix_data_version")


def stored(there: Installation, task: str) -> list[tuple[Any, ...]]:
    """Of a task's numbers: exchanges, companies and versions of the rows that they refer to, and how many."""
    return there.rows(
        "SELECT min(p.nxx), max(p.nxx), array_agg(DISTINCT p.carrier), array_agg(DISTINCT p.version), count(*) "
        "FROM numbers JOIN batches b USING (batch_id) JOIN prefixes p USING (prefix_id) WHERE b.task_id = %s",
        task,
    )


def import_file(there: Installation, path: Path) -> versions.Version:
    """As `numberline prefixes import --accept-loss` does, without the start of a process."""
    with versions.locked(there.settings, wait=True) as connection:
        before = versions.rows_of(connection, versions.current(connection))
        options = importing.Options(accept_loss=True)
        proposal = importing.propose_import([path], before, options, lambda _: None, [])
        return release.release(there.settings, connection, proposal, lambda _: None)


def test_an_import_reaches_a_running_worker(there: Installation, worker: Process, tmp_path: Path) -> None:
    """While a task runs exchanges move, are withdrawn and are added. The task keeps its version to the end; the
    next one has the new companies and nothing of what is withdrawn; a rollback gives it back."""
    changed = [*rows("NEW", range(200, 220)), *rows("NEW", range(300, 310))]
    lines = [(r.area_code, r.nxx, "0123456789", "US", "NJ", r.timezone, r.carrier, "") for r in changed]
    path = write(tmp_path / "own.csv", [OWN_HEADER, *map(as_csv, lines)])
    running = there.request("ada", quantity=QUANTITY, batch_size=100, area_code="201")
    task = task_id("ada", running["request_id"])
    there.produce(json.dumps(running).encode())
    wait_until(lambda: stored(there, task)[0][4] >= 1_000, 60, "first rows")
    imported = import_file(there, path)
    wait_until(lambda: plans_by(worker) == imported.version == 3, 60, "version 3")
    assert stored(there, task)[0][4] < QUANTITY, "the task ended too early to show anything"
    after = there.request("bea", quantity=20_000, area_code="201")
    ending = there.ending(after)
    assert ending["result_data"]["prefix_data_version"] == 3
    ((first, last, carriers, version, count),) = stored(there, task_id("bea", after["request_id"]))
    assert (first, last, carriers, version, count) == (200, 309, ["NEW"], [3], 20_000)
    assert there.rows(
        "SELECT count(*) FROM phone_numbers WHERE user_id = 'bea' AND exchange BETWEEN '220' AND '299'"
    ) == [(0,)]
    wait_until(lambda: stored(there, task)[0][4] == QUANTITY, 120, "the rest of the running task")
    assert stored(there, task) == [(200, 249, ["OLD"], [2], QUANTITY)]
    ((late,),) = there.rows(
        "SELECT count(*) FROM batches b JOIN prefix_versions v ON v.version = 3 "
        "WHERE b.task_id = %s AND b.created_at > v.published_at",
        task,
    )
    assert late > 0
    assert there.rows(
        "SELECT count(*) FROM numbers JOIN batches b USING (batch_id) JOIN prefixes p USING (prefix_id) "
        "WHERE p.version <> b.prefix_version"
    ) == [(0,)]
    back = there.run("prefixes", "rollback", "2")
    assert back.returncode == 0, back.stderr
    wait_until(lambda: plans_by(worker) == 4, 60, "version 4")
    again = there.request("cyd", quantity=1_000, area_code="201", carriers=["old"])
    assert there.ending(again)["type"] == "task_completed"
    assert worker.metric("numberline_ledger_conflicts_total") == 0


def test_what_is_withdrawn_is_refused_and_what_is_deleted_is_gone(there: Installation, worker: Process) -> None:
    """A request for an area code that is in use no more; a batch of a version that was deleted 30 days after."""
    load_rows(there.settings, SMALL_ROWS[2:3])
    wait_until(lambda: plans_by(worker) == 3, 60, "version 3")
    refused = there.ending(there.request("dot", quantity=1, area_code="201"))
    assert (refused["type"], refused["error_message"]) == (
        "task_failed",
        "area_code: 201 is not an area code in use",
    )
    with psycopg.connect(there.settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE prefix_versions SET published_at = now() - interval '31 days'")
    load_rows(there.settings, SMALL_ROWS[2:3])
    wait_until(lambda: plans_by(worker) == 4, 60, "version 4")
    producer = Producer({"bootstrap.servers": there.settings.kafka_bootstrap_servers})

    def refused_by_now() -> bool:
        """Whether a batch of version 2 was; until the worker has read that it is deleted, one is drawn."""
        planned = events.BatchPlanned(
            task_id=str(uuid.uuid4()),
            user_id="eve",
            batch=0,
            project_id=None,
            area_code="201",
            size=1,
            prefix_version=2,
            draw_version=1,
            seed="s",
            auto_validate=False,
            filters=events.Filters(),
        )
        producer.produce(
            f"{there.settings.namespace}.batches",
            codec.encode(planned),
            b"201",
            partition_for("201", PARTITIONS),
            headers=list(batch_headers(planned)),
        )
        assert producer.flush(30) == 0
        return worker.metric('numberline_dead_letters_total{reason="prefix_version_gone",step="allocate"}') > 0

    wait_until(refused_by_now, 60, "refusal of a batch")
    assert worker.alive()


async def test_a_worker_plans_by_no_version_that_was_superseded_before_it_started(
    there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the topic still has it, `current` record and all, and comes to it first."""
    one_by_one = partial(AIOKafkaConsumer, max_partition_fetch_bytes=1)
    monkeypatch.setattr(catalogue, "AIOKafkaConsumer", one_by_one)
    metrics = WorkerMetrics(CollectorRegistry())
    reader = CatalogueReader(there.settings.kafka_bootstrap_servers, there.settings.namespace, PARTITIONS, metrics)
    reading = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(60):
            assert (await reader.current()).catalogue.version == 2
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
