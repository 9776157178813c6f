"""What must hold of a history, each a function that says every violation. Pure; the topics are the witness."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import TypeVar

import numpy as np
from pyroaring import BitMap

from chaos.history import LEDGER, TASKS, BatchId, Entry, History, e164_numbers
from schemas import events

Invariant = Callable[[History], Iterator[str]]
Identity = tuple[Hashable, ...]
T = TypeVar("T")
ENDINGS = ("task_completed", "task_failed", "task_cancelled")


def every_task_is_completed_with_its_quantity(history: History) -> Iterator[str]:
    """By its last progress and by its row in PostgreSQL."""
    newest = history.last_progress()
    for task, quantity in history.asked.items():
        last, row = newest.get(task), history.tasks.get(task)
        if last is None or (last.status, last.succeeded) != ("completed", quantity):
            said = last and f"{last.status} with {last.succeeded}"
            yield f"task {task} of {quantity} numbers: its last progress is {said}"
        if row is None or (row.status, row.succeeded) != ("completed", quantity):
            yield f"task {task} of {quantity} numbers: its row in PostgreSQL is {row}"


def rows_ledger_and_counts_agree(history: History) -> Iterator[str]:
    """Batch by batch: the ledger's fact, the numbers sent, the rows stored, and what coordinate was told."""
    ledger = history.ledger()
    sent = dict(_events(history, "numbers", events.NumbersEnriched))
    told = dict(_events(history, "task-events", events.BatchStored))
    for batch in sorted(ledger.keys() | sent.keys() | history.batches.keys() | told.keys()):
        name = f"batch {batch[1]} of task {batch[0]}"
        if batch not in ledger or batch not in sent or batch not in history.batches or batch not in told:
            places: dict[str, Collection[BatchId]] = {
                "ledger": ledger,
                "numbers": sent,
                "PostgreSQL": history.batches,
                "task-events": told,
            }
            yield f"{name} is not in {', '.join(place for place, held in places.items() if batch not in held)}"
            continue
        (area_code, fact), stored = ledger[batch], history.batches[batch]
        drawn = e164_numbers(area_code, fact.to_array())
        enriched = e164_numbers(sent[batch].area_code, np.frombuffer(sent[batch].numbers, "<u4"))
        if not (np.array_equal(drawn, enriched) and np.array_equal(drawn, stored.numbers)):
            yield (
                f"{name}: {len(drawn)} numbers in the ledger, {len(enriched)} sent, {len(stored.numbers)} stored, "
                "and not the same"
            )
        if not stored.count == told[batch].count == len(stored.numbers):
            yield f"{name}: its marker says {stored.count}, coordinate was told {told[batch].count}"


def quantities_add_up(history: History) -> Iterator[str]:
    """A task's rows, counted, are its quantity."""
    counted: dict[str, int] = defaultdict(int)
    for (task, _), stored in history.batches.items():
        counted[task] += len(stored.numbers)
    for task in sorted(history.asked.keys() | counted.keys()):
        if counted[task] != history.asked.get(task, 0):
            yield f"task {task}: {history.asked.get(task, 0)} numbers were asked for, {counted[task]} are stored"


def no_number_is_given_out_twice(history: History) -> Iterator[str]:
    """No two facts of the ledger hold the same number."""
    taken: dict[str, BitMap] = defaultdict(BitMap)
    for (task, batch), (area_code, fact) in history.ledger().items():
        if both := taken[area_code] & fact:
            yield f"{len(both)} numbers of batch {batch} of task {task} were given out before, in {area_code}"
        taken[area_code] |= fact


def an_identity_has_one_content(history: History) -> Iterator[str]:
    """Whatever is sent or written again, by a replay, a successor or a zombie, is byte for byte the same; or says
    the same where workers of two releases have written it."""
    first: dict[Hashable, Entry] = {}
    for topic in history.log:
        for entry in history.entries(topic):
            identity = identity_of(topic, entry)
            if entry.value is None or identity is None:
                continue
            known = first.setdefault(identity, entry)
            if known.value != entry.value and known.content != entry.content:
                yield f"{identity!r} came with another content at {entry.partition}/{entry.offset}"


def nothing_is_done_that_nobody_asked_for(history: History) -> Iterator[str]:
    """Every batch belongs to a task that was submitted, and no failed one is among them."""
    for batch, _ in _events(history, "batches", events.BatchPlanned):
        if batch[0] not in history.asked:
            yield f"batch {batch[1]} belongs to task {batch[0]}, which nobody submitted"
    for batch, failed in _events(history, "task-events", events.BatchFailed):
        yield f"batch {batch[1]} of task {batch[0]} failed: {failed.code}, {failed.message}"


def progress_never_goes_backwards(history: History) -> Iterator[str]:
    """On the socket counts only grow, and nothing follows a task's end."""
    highest: dict[str, int] = {}
    ended: set[str] = set()
    for heard in history.heard:
        if heard.task_id in ended:
            yield f"task {heard.task_id}: {heard.type} was heard after its end"
        if heard.processed is not None:
            if heard.processed < highest.get(heard.task_id, 0):
                yield f"task {heard.task_id}: {heard.processed} was heard after {highest[heard.task_id]}"
            highest[heard.task_id] = max(heard.processed, highest.get(heard.task_id, 0))
        if heard.type in ENDINGS:
            ended.add(heard.task_id)


def no_dead_letter_without_a_cause(history: History) -> Iterator[str]:
    """Each is a request that was sent to be refused, and says why; and each of those is there."""
    letters = history.entries("deadletters")
    for letter in letters:
        reason, stage = (letter.header(f"__streams.errors.{name}") for name in ("reason", "stage"))
        if letter.value not in history.broken or (reason, stage) != ("invalid_request", "intake"):
            message = letter.header("__streams.errors.message")
            yield f"a dead letter of {stage or 'nobody'}, {reason or 'no reason'}: {message}"
    for value in history.broken - {letter.value for letter in letters if letter.value is not None}:
        yield f"a broken request is not among the dead letters: {value!r}"


INVARIANTS: tuple[Invariant, ...] = (
    every_task_is_completed_with_its_quantity,
    rows_ledger_and_counts_agree,
    quantities_add_up,
    no_number_is_given_out_twice,
    an_identity_has_one_content,
    nothing_is_done_that_nobody_asked_for,
    progress_never_goes_backwards,
    no_dead_letter_without_a_cause,
)


def violations(history: History) -> list[str]:
    """All that is wrong."""
    return [f"{sentence_of(invariant)}: {wrong}" for invariant in INVARIANTS for wrong in invariant(history)]


def sentence_of(invariant: Invariant) -> str:
    """Its name as words."""
    return invariant.__name__.replace("_", " ")


def identity_of(topic: str, entry: Entry) -> Identity | None:
    """What fixes the content of a record (docs/delivery.md, rule 3); None for one that may come as it likes."""
    if topic in (LEDGER, TASKS):
        return topic, entry.key
    match entry.event:
        case events.TaskProgress() as progress:
            return topic, progress.task_id, progress.sequence
        case (
            events.BatchPlanned() | events.BatchAllocated() | events.NumbersEnriched() | events.BatchStored()
        ) as batch:
            return topic, batch.task_id, batch.batch
        case _:
            return None


def repeated(history: History) -> int:
    """Records of batches that were sent more than once: replays that did no harm."""
    again = 0
    for topic in ("batches", "allocations", "numbers"):
        identities = [identity_of(topic, entry) for entry in history.entries(topic)]
        again += len(identities) - len(set(identities))
    return again


def _events(history: History, topic: str, kind: type[T]) -> Iterator[tuple[BatchId, T]]:
    for entry in history.entries(topic):
        if isinstance(entry.event, kind):
            yield (entry.event.task_id, entry.event.batch), entry.event  # type: ignore[attr-defined]
