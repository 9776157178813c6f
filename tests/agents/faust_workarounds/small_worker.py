"""A worker of one step with our settings, which does what its records say: `python -m`, and this module's name.

Its one argument is JSON: settings, and under `without` the workarounds that it is to leave out, so that the
defects themselves are seen. It prints one JSON line for every record that reaches its step.
"""

import asyncio
import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import faust
from mode.threads import WorkerThread
from prometheus_client import CollectorRegistry

from agents import faust_workarounds
from agents.app import _build_app
from agents.delivery import Delivery
from agents.producers import StepProducer
from agents.records import Record
from agents.registration import register
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from schemas import topics


def table_without(without: set[str]) -> type[faust_workarounds.Table]:
    """Ours, but for what it is to do as Faust does."""
    class_: dict[str, Any] = {}
    if "f2" in without:  # sends by the producer of all, through its buffer
        class_["send_changelog"] = faust.Table.send_changelog
    if "f6" in without:  # takes the offset of its own record for "everything below is here"
        class_["_on_changelog_sent"] = faust.Table._on_changelog_sent
    return type("Table", (faust_workarounds.Table,), class_)


class Step:
    """Carries out commands: what a record says, and then one line about it on standard output."""

    def __init__(self, app: Any, delivery: Delivery, table: Any, without: set[str], once: Path) -> None:
        self._app, self._delivery, self._table = app, delivery, table
        self._without, self._once = without, once

    async def __call__(self, record: Record) -> None:
        """One command: put KEY SIZE, dump, look, die, or anything else, which is only reported."""
        command, *arguments = (record.value or b"").split()
        if command == b"put":
            await self._put(arguments[0], b"x" * int(arguments[1]))
        report(record, **await self._answer(command, record))
        if command == b"die" and not self._once.exists():
            self._once.touch()
            raise RuntimeError("told to die")

    async def _put(self, key: bytes, value: bytes) -> None:
        if "f2" in self._without:
            self._table[key] = value
        else:
            await self._delivery.written(self._table.put(key, value))

    async def _answer(self, command: bytes, record: Record) -> dict[str, Any]:
        if command == b"dump":
            rows = self._table.items_with_prefix(record.partition, b"")
            return {"keys": [key.decode() for key, _ in rows if not key.startswith(b"__faust")]}
        if command == b"look":
            inner = self._app.consumer._thread._ensure_consumer()
            return {
                "paused": sorted(partition.topic for partition in inner.paused()),
                "undrained": sorted({partition.topic for partition in inner._fetcher._records}),
                "threads": sum(isinstance(thread, WorkerThread) for thread in threading.enumerate()),
            }
        return {}


def report(record: Record, **answer: Any) -> None:
    """One line about a record that has reached a step."""
    value = None if record.value is None else record.value.hex()
    line = {"topic": record.topic, "offset": record.offset, "value": value, **answer}
    os.write(1, json.dumps(line).encode() + b"\n")


async def only_report(record: Record) -> None:
    """A step that does nothing else."""
    report(record)


def main(configuration: dict[str, Any]) -> None:
    """Run until the process ends."""
    settings = Settings(**configuration["settings"])
    without = set(configuration["without"])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    (settings.state_dir / "workers" / settings.worker_id).mkdir(parents=True, exist_ok=True)
    faust_workarounds.PATCHES = tuple(
        patch for patch in faust_workarounds.PATCHES if patch.__name__.partition("_")[0] not in without
    )
    faust_workarounds.install()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    metrics = WorkerMetrics(CollectorRegistry())
    app = _build_app(settings, 1, metrics)
    if "web" in without:
        app.conf.web_enabled, app.conf.web_port = True, configuration["web_port"]
        app.conf.web_bind = "127.0.0.1"
    producer = StepProducer(settings.kafka_bootstrap_servers, "table-tasks", {})
    delivery = Delivery(producer, settings.namespace, 1, 20, metrics)
    table = app.tables.add(
        table_without(without)(
            app,
            name="tasks",
            default=None,
            partitions=1,
            key_type=bytes,
            value_type=bytes,
            options={},
            producer=producer,
        )
    )
    once = settings.state_dir / "died"
    step = Step(app, delivery, table, without, once)
    register(app, delivery, topics.TASK_EVENTS, "commands", step, settings.namespace)
    register(app, delivery, topics.REQUESTS, "raw", only_report, settings.namespace)
    worker = faust.Worker(app, loglevel="info", redirect_stdouts=False, override_logging=False, loop=loop)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
