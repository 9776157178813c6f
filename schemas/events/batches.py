"""A batch of a generation on its way, and what else changes the ledger of its area code."""

from dataclasses import dataclass

from schemas.events.plans import Filters


@dataclass(frozen=True, slots=True)
class BatchPlanned:
    """Draw so many numbers of an area code."""

    task_id: str
    user_id: str
    batch: int
    project_id: str | None
    area_code: str
    size: int
    prefix_version: int
    draw_version: int
    seed: str
    auto_validate: bool
    filters: Filters


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Numbers of an area code, a roaring bitmap, that are no longer given out, or are again (removed).

    In force for every batch after it in the log. user_id: for this user alone; None for everybody.
    """

    area_code: str
    change: str
    user_id: str | None
    removed: bool
    numbers: bytes


@dataclass(frozen=True, slots=True)
class Compact:
    """Old facts of an area code are put together into one, ``sum|name``. facts: ``task|batch`` or ``sum|name``."""

    area_code: str
    name: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchAllocated:
    """The numbers drawn for a batch: a roaring bitmap of (nxx - 200) * 10000 + line."""

    task_id: str
    user_id: str
    batch: int
    project_id: str | None
    area_code: str
    asked: int
    prefix_version: int
    auto_validate: bool
    numbers: bytes


@dataclass(frozen=True, slots=True)
class NumbersEnriched:
    """The numbers of a batch (uint32) and their rows of the prefix data (int32), little-endian columns."""

    task_id: str
    user_id: str
    batch: int
    project_id: str | None
    area_code: str
    asked: int
    prefix_version: int
    count: int
    verdict: str | None
    numbers: bytes
    prefix_ids: bytes
