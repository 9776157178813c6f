"""A history in which all is well: one task of 3 numbers in two batches, and one broken request."""

from dataclasses import replace

import numpy as np
from pyroaring import BitMap

from chaos.history import LEDGER, Entry, Heard, History, StoredBatch, TaskRow, e164_numbers
from schemas import codec, events
from tests.samples import RUNNING

TASK, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
BATCHES = {0: (1_000, 1_001), 1: (2_000,)}


def planned(batch: int, size: int = 2, task: str = TASK) -> events.BatchPlanned:
    """What coordinate asks for."""
    return events.BatchPlanned(task, "ada", batch, None, "201", size, 1, 1, "seed", False, events.Filters())


def enriched(batch: int, numbers: tuple[int, ...]) -> events.NumbersEnriched:
    """What enrich sends."""
    columns = np.array(numbers, "<u4").tobytes(), np.zeros(len(numbers), "<i4").tobytes()
    return events.NumbersEnriched(TASK, "ada", batch, None, "201", len(numbers), 1, len(numbers), None, *columns)


def stored(batch: int, count: int) -> events.BatchStored:
    """What store reports."""
    return events.BatchStored(TASK, "ada", batch, "201", count, count)


def progress(sequence: int, status: str, succeeded: int) -> events.TaskProgress:
    """What coordinate says."""
    return replace(
        RUNNING,
        task_id=TASK,
        user_id="ada",
        sequence=sequence,
        event="progress" if status == "running" else status,
        status=status,
        quantity=3,
        processed_items=succeeded,
        succeeded=succeeded,
        batches_total=2,
    )


def entry(event: events.Event, key: bytes = b"key", offset: int = 0) -> Entry:
    """A record of an event."""
    return Entry(0, offset, key, codec.encode(event))


def fact(batch: int, numbers: tuple[int, ...], task: str = TASK) -> Entry:
    """A record of the ledger's changelog."""
    return Entry(0, 0, f"201|{task}|{batch}".encode(), bytes(BitMap(numbers).serialize()))


def letter(value: bytes, stage: str = "intake", reason: str = "invalid_request") -> Entry:
    """A dead letter."""
    why = {"stage": stage, "reason": reason, "message": "why"}
    return Entry(
        0, 0, None, value, tuple((f"__streams.errors.{name}", text.encode()) for name, text in why.items())
    )


def sound_history() -> History:
    """Nothing is wrong with it."""
    return History(
        asked={TASK: 3},
        broken={b"broken"},
        log={
            "task-events": [entry(stored(batch, len(numbers))) for batch, numbers in BATCHES.items()],
            "batches": [entry(planned(batch, len(numbers))) for batch, numbers in BATCHES.items()],
            "numbers": [entry(enriched(batch, numbers)) for batch, numbers in BATCHES.items()],
            "progress": [entry(progress(2, "running", 2)), entry(progress(3, "completed", 3))],
            "deadletters": [letter(b"broken")],
            LEDGER: [fact(batch, numbers) for batch, numbers in BATCHES.items()],
        },
        batches={
            (TASK, batch): StoredBatch("201", len(numbers), e164_numbers("201", numbers))
            for batch, numbers in BATCHES.items()
        },
        tasks={TASK: TaskRow("completed", 3)},
        heard=[Heard(TASK, "task_started"), Heard(TASK, "task_progress", 2), Heard(TASK, "task_completed")],
    )
