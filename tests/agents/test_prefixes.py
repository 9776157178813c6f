"""Prefix data in the table: what allocate and enrich wait for, and for how long."""

import asyncio
from dataclasses import fields, replace
from typing import Any

import pytest

from agents.delivery import Delivery
from agents.prefixes import Load, Prefixes
from agents.records import Record
from pipeline.errors import BatchImpossible, Unavailable
from pipeline.metrics import WorkerMetrics
from schemas import codec, events, topics
from schemas.identity import prefix_key
from tests.agents.fakes import FakeTable

DEADLINE_SECONDS = 0.2
COLUMNS = [field.name for field in fields(events.PrefixBlocks)][3:]


def of_area_code(area_code: str, version: int = 1) -> Record:
    """A version of its data, which is empty, on the topic."""
    columns = {name: () if name.endswith("_names") else b"" for name in COLUMNS}
    event = events.PrefixBlocks(area_code=area_code, version=version, first_prefix_id=1, **columns)  # type: ignore[arg-type]
    key = prefix_key(area_code, version)
    return Record(f"test.{topics.PREFIXES.name}", 0, 0, 0, key, codec.encode(event), ())


class Loading:
    """The step load and what reads its table."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        table: Any = FakeTable([])
        nothing: Any = None
        self.table, self.delivery = table, Delivery(nothing, "test", 1, DEADLINE_SECONDS, metrics)
        self.load = Load(self.delivery, table)
        self.prefixes = Prefixes(self.delivery, table, self.load)


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


async def test_a_batch_of_an_area_code_that_is_withdrawn_fails_and_ends_no_worker(metrics: WorkerMetrics) -> None:
    """Its data are deleted, and no later version has it: what was sent again would end each worker, for good."""
    loading = Loading(metrics)
    for version in (1, 2):
        await loading.load(of_area_code("201", version))
    await loading.load(of_area_code("989", 1))
    assert (await loading.prefixes.of("989", 1, 0)).version == 1
    await loading.load(replace(of_area_code("989", 1), value=None))

    with pytest.raises(BatchImpossible, match="prefix_version_gone: version 1 of the prefix data of 989"):
        await Prefixes(loading.delivery, loading.table, loading.load).of("989", 1, 0)
    with pytest.raises(Unavailable):
        await loading.prefixes.of("989", 2, 0)
