"""A batch of a validation on its way."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValidationPlanned:
    """Judge these numbers: given ones, or those of stored batches."""

    task_id: str
    user_id: str
    batch: int
    project_id: str | None
    kind: str
    source: str
    prefix_version: int
    lookups: int
    position: int
    size: int
    numbers: bytes
    given: tuple[str, ...]
    batch_ids: bytes
    offset: int
    suppressions: int = 0


@dataclass(frozen=True, slots=True)
class NumbersJudged:
    """A batch with its internal verdicts as columns, some of which a provider is to be asked about."""

    task_id: str
    user_id: str
    batch: int
    project_id: str | None
    kind: str
    prefix_version: int
    lookups: int
    position: int
    numbers: bytes
    given: tuple[str, ...]
    reasons: bytes
    prefix_ids: bytes
