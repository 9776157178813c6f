"""The ledger held against the rows of PostgreSQL, one area code at a time: what must agree, and what is missing.

Numbers are ``(nxx - 200) * 10000 + line``. A fact of the ledger is a bitmap of numbers drawn, under the key
``area code|task|batch`` of its batch, or ``area code|sum|id`` where older ones were put together.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap

from pipeline import numbering, suppress
from pipeline.allocate import fact_key, facts_prefix, union
from schemas import codec
from schemas.events import Suppressed

SUM = "sum"
MOST_EXAMPLES = 3


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
class Compared:
    """One area code. differences: a sentence each; what is not stored is none, for it may be on its way."""

    area_code: str
    differences: tuple[str, ...]
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


def stored_batches(
    area_code: str, markers: Sequence[Marker], rows: numbering.Integers, numbers: numbering.Integers
) -> list[StoredBatch]:
    """The batches of an area code out of its rows, in any order. rows: batch_id of each number, in E.164."""
    turn = np.argsort(rows, kind="stable")
    rows, numbers = rows[turn], numbering.within(area_code, numbers[turn])
    found = []
    for marker in markers:
        first, last = np.searchsorted(rows, marker.row, "left"), np.searchsorted(rows, marker.row, "right")
        found.append(StoredBatch(marker.task_id, marker.batch, marker.count, BitMap(numbers[first:last])))
    return found


def compare(area_code: str, facts: Mapping[bytes, bytes], batches: Iterable[StoredBatch]) -> Compared:
    """Every difference between the facts and the stored batches of one area code.

    The rows must have been read before the facts: a batch is in the ledger before it is stored.
    """
    drawn = {key: BitMap.deserialize(value) for key, value in facts.items()}
    taken, differences = BitMap(), []
    for key, numbers in drawn.items():
        if twice := taken & numbers:
            differences.append(f"{_numbers(twice)} of the fact {_named(key)} are in another fact as well")
        taken |= numbers
    stored = BitMap()
    for batch in batches:
        differences += _differences_of(batch, drawn.get(fact_key(area_code, batch.task_id, batch.batch)), taken)
        stored |= batch.numbers
    return Compared(area_code, tuple(differences), len(taken), len(stored), len(taken - stored))


def _differences_of(batch: StoredBatch, fact: BitMap | None, taken: BitMap) -> Iterator[str]:
    if len(batch.numbers) != batch.count:
        yield f"{batch} has {len(batch.numbers)} rows, and its marker says {batch.count}"
    if missing := batch.numbers - taken:
        yield f"{batch}: {_numbers(missing)} are stored and not in the ledger: they could be given out again"
    if fact is not None and fact != batch.numbers:
        yield f"{batch} has {len(batch.numbers)} rows, and its fact {len(fact)} other numbers or not all of them"


def missing_facts(
    area_code: str, facts: Mapping[bytes, bytes], batches: Iterable[StoredBatch], name: str
) -> dict[bytes, bytes]:
    """What the ledger lacks of the stored batches: a fact each, as allocate would have left it.

    No fact is changed. Numbers that are missing although the batch has a fact go into one sum of this name.
    A batch that is in no fact of its own, but in a sum, lacks nothing.
    """
    taken = BitMap()
    for value in facts.values():
        taken |= BitMap.deserialize(value)
    found, rest = {}, BitMap()
    for batch in batches:
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
