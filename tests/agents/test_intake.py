"""The step intake before it decides anything: what it waits for."""

import asyncio
from typing import Any

import pytest

from agents.catalogue import CatalogueReader
from agents.delivery import Delivery
from agents.intake import Intake
from agents.records import Record
from pipeline.errors import Unavailable
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings

DEADLINE_SECONDS = 0.1


async def test_the_prefix_data_is_read_however_long_that_takes(metrics: WorkerMetrics) -> None:
    """A busy worker would end, read anew, and never be through; one that finds no data ends and says so."""
    catalogues = CatalogueReader("127.0.0.1:1", "test", 1, metrics)
    nothing: Any = None
    delivery = Delivery(nothing, "test", 1, DEADLINE_SECONDS, metrics)
    intake = Intake(delivery, catalogues, nothing, nothing, Settings(), metrics, None)
    waiting = asyncio.create_task(intake(Record("test.requests", 0, 0, 0, None, b"{}", ())))

    await asyncio.wait([waiting], timeout=5 * DEADLINE_SECONDS)
    assert not waiting.done()
    catalogues._caught_up.set()

    with pytest.raises(Unavailable) as failed:
        await waiting
    assert str(failed.value) == "no prefix data: run `numberline init` within 0.1 s"
