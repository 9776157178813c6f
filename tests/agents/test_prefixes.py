"""Prefix data in the table: what allocate and enrich wait for, and for how long."""

import asyncio
from dataclasses import fields
from typing import Any

import pytest

from agents.delivery import Delivery
from agents.prefixes import Load, Prefixes
from agents.records import Record
from pipeline.errors import Unavailable
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.identity import prefix_key
from tests.agents.fakes import FakeTable

DEADLINE_SECONDS = 0.2
COLUMNS = [field.name for field in fields(events.PrefixBlocks)][3:]


def of_area_code(area_code: str) -> Record:
    """Version 1 of its data, which is empty, on the topic."""
    columns = {name: () if name.endswith("_names") else b"" for name in COLUMNS}
    event = events.PrefixBlocks(area_code=area_code, version=1, first_prefix_id=1, **columns)  # type: ignore[arg-type]
    return Record(f"test.{topics.PREFIXES.name}", 0, 0, 0, prefix_key(area_code, 1), codec.encode(event), ())


class Loading:
    """The step load and what reads its table."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        table: Any = FakeTable([])
        nothing: Any = None
        delivery = Delivery(nothing, "test", 1, DEADLINE_SECONDS, metrics)
        self.load = Load(delivery, table)
        self.prefixes = Prefixes(delivery, table, self.load)


async def test_what_is_loaded_late_is_waited_for_while_others_are(metrics: WorkerMetrics) -> None:
    """A busy worker may take long over all area codes of a version: it does not end for the last of them."""
    loading = Loading(metrics)
    waiting = asyncio.create_task(loading.prefixes.of("989", 1, 0))

    for area_code in range(201, 217):
        await loading.load(of_area_code(str(area_code)))
        await asyncio.sleep(DEADLINE_SECONDS / 4)
    await loading.load(of_area_code("989"))

    assert (await waiting).area_code == "989"


async def test_what_nobody_loads_is_unavailable(metrics: WorkerMetrics) -> None:
    """The worker ends, and says what was missing."""
    loading = Loading(metrics)

    with pytest.raises(Unavailable) as failed:
        await loading.prefixes.of("989", 1, 0)

    assert str(failed.value) == "no prefix data of 989, version 1 within 0.2 s"
