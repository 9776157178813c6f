"""The ledger held against the rows of PostgreSQL, one area code at a time: what must agree, and what is missing.

Numbers are ``(nxx - 200) * 10000 + line``. A fact of the ledger is a bitmap of numbers drawn, under the key
``area code|task|batch`` of its batch, or ``area code|sum|id`` where older ones were put together.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pyroaring import BitMap

from pipeline import numbering, suppress
from pipeline.allocate import fact_key, facts_prefix, union
from schemas import codec
from schemas.events import Suppressed

SUM = "sum"
MOST_EXAMPLES = 3
AGAIN = "and not in the ledger: they could be given out again"


@dataclass(frozen=True)
class Marker:
    """The marker of a batch in PostgreSQL. row: its batch_id, which its numbers bear."""

    row: int
    task_id: str
    batch: int
    count: int


@dataclass(frozen=True)
class StoredBatch:
    """A marker, and the numbers of its rows."""

    task_id: str
    batch: int
    count: int
    numbers: BitMap

    def __str__(self) -> str:
        return f"batch {self.batch} of task {self.task_id}"


@dataclass(frozen=True)
class Stored:
    """What PostgreSQL holds of one area code: its batches, and the numbers of rows that are no batch's."""

    batches: tuple[StoredBatch, ...] = ()
    astray: BitMap = field(default_factory=BitMap)


@dataclass(frozen=True)
class Compared:
    """One area code. lacking: differences that a rebuild mends; others: those of rows. A sentence each.

    What is not stored is no difference but where its task is completed, for it may be on its way.
    """

    area_code: str
    lacking: tuple[str, ...]
    others: tuple[str, ...]
    drawn: int
    stored: int
    not_stored: int  # drawn and in no row: in flight, or of a batch that failed


def sum_key(area_code: str, name: str) -> bytes:
    """Key of the fact that stands for several older ones."""
    return facts_prefix(area_code) + f"{SUM}|{name}".encode()


def sum_of(facts: Iterable[bytes]) -> bytes:
    """The fact that stands for others: the same bytes for the same facts in the same order."""
    whole = union(facts)
    whole.run_optimize()
    return bytes(whole.serialize())


def by_area_code(facts: Mapping[bytes, bytes]) -> dict[str, dict[bytes, bytes]]:
    """The facts of draws in a partition of the changelog, by area code; those of suppressions are left out."""
    found: dict[str, dict[bytes, bytes]] = {}
    for key, value in facts.items():
        area_code = key.partition(b"|")[0].decode(errors="replace")
        if len(area_code) == 3 and area_code.isdigit():
            found.setdefault(area_code, {})[key] = value
    return found


def missing_suppressions(facts: Mapping[bytes, bytes], changes: Iterable[Suppressed]) -> dict[bytes, bytes]:
    """The facts that a partition lacks of changes of what is suppressed. changes: in the order of the log."""
    places: Counter[str] = Counter()
    found = {}
    for change in changes:
        key = suppress.fact_key(change.area_code, places[change.area_code], change.change)
        places[change.area_code] += 1
        if key not in facts:
            found[key] = codec.encode(change)
    return found


def stored_of(
    area_code: str, markers: Sequence[Marker], rows: numbering.Integers, numbers: numbering.Integers
) -> Stored:
    """The batches of an area code out of its rows, in any order. rows: batch_id of each number, in E.164."""
    turn = np.argsort(rows, kind="stable")
    rows, numbers = rows[turn], numbering.within(area_code, numbers[turn])
    found = []
    for marker in markers:
        first, last = np.searchsorted(rows, marker.row, "left"), np.searchsorted(rows, marker.row, "right")
        found.append(StoredBatch(marker.task_id, marker.batch, marker.count, BitMap(numbers[first:last])))
    astray = ~np.isin(rows, [marker.row for marker in markers])
    return Stored(tuple(found), BitMap(numbers[astray]))


def compare(
    area_code: str, facts: Mapping[bytes, bytes], stored: Stored, completed: Collection[str] = ()
) -> Compared:
    """Every difference between the facts and the rows of one area code. completed: tasks that ended so.

    The rows must have been read before the facts: a batch is in the ledger before it is stored.
    """
    drawn = {key: BitMap.deserialize(value) for key, value in facts.items()}
    batches = {fact_key(area_code, batch.task_id, batch.batch): batch for batch in stored.batches}
    taken, summed, held = BitMap(), BitMap(), stored.astray.copy()
    lacking, others = [], []
    for key, numbers in drawn.items():
        if twice := taken & numbers:
            others.append(f"{_numbers(twice)} of the fact {_named(key)} are in another fact as well")
        taken |= numbers
        task, _, place = _named(key).removeprefix(f"{area_code}|").partition("|")
        if task == SUM:
            summed |= numbers
        elif key not in batches and task in completed and (gone := numbers - stored.astray):
            others.append(f"batch {place} of task {task}: {_numbers(gone)} are in no row, and it is completed")
    if missing := stored.astray - taken:
        lacking.append(f"{_numbers(missing)} are stored {AGAIN}")
    if stored.astray:
        others.append(f"{_numbers(stored.astray)} are stored and of no batch")
    for key, batch in batches.items():
        held |= batch.numbers
        if missing := batch.numbers - taken:
            lacking.append(f"{batch}: {_numbers(missing)} are stored {AGAIN}")
        others += _differences_of(batch, drawn.get(key), taken - summed)
    return Compared(area_code, tuple(lacking), tuple(others), len(taken), len(held), len(taken - held))


def _differences_of(batch: StoredBatch, fact: BitMap | None, of_batches: BitMap) -> Iterator[str]:
    """Of a batch with its own fact; none where that is in a sum by now. of_batches: what is in facts of batches."""
    if len(batch.numbers) != batch.count:
        yield f"{batch} has {len(batch.numbers)} rows, and its marker says {batch.count}"
    if fact is not None and (missing := fact - batch.numbers):
        yield f"{batch}: {_numbers(missing)} of its fact are in none of its rows"
    if wrong := (batch.numbers & of_batches) - (fact or BitMap()):
        yield f"{batch}: {_numbers(wrong)} of its rows are in the fact of another batch"


def missing_facts(area_code: str, facts: Mapping[bytes, bytes], stored: Stored, name: str) -> dict[bytes, bytes]:
    """What the ledger lacks of the stored batches: a fact each, as allocate would have left it.

    No fact is changed. Numbers that are missing although the batch has a fact, or no batch, go into one sum of this
    name.
    A batch that is in no fact of its own, but in a sum, lacks nothing.
    """
    taken = BitMap()
    for value in facts.values():
        taken |= BitMap.deserialize(value)
    found, rest = {}, stored.astray - taken
    for batch in stored.batches:
        key = fact_key(area_code, batch.task_id, batch.batch)
        if key in facts:
            rest |= batch.numbers - taken
        elif batch.numbers - taken or not batch.numbers:
            found[key] = bytes(batch.numbers.serialize())
    if rest:
        found[sum_key(area_code, name)] = bytes(rest.serialize())
    return found


def _numbers(some: BitMap) -> str:
    first = ", ".join(numbering.nxx_line(number) for number in some[:MOST_EXAMPLES])
    return f"{len(some):,} numbers ({first}{', ...' if len(some) > MOST_EXAMPLES else ''})"


def _named(key: bytes) -> str:
    return key.decode(errors="backslashreplace")
