"""What becomes of a batch, and what a task keeps of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchStored:
    """The rows of a batch are durable; count is below asked only when the area code has no more."""

    task_id: str
    user_id: str
    batch: int
    area_code: str
    asked: int
    count: int


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """A batch that cannot go on."""

    task_id: str
    user_id: str
    batch: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BatchJudged:
    """The verdicts of a batch are durable; errors: numbers of it that could not be judged."""

    task_id: str
    user_id: str
    batch: int
    count: int
    errors: int
    reasons: Mapping[str, int]
    lookups: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a task: the event that left it (encoded), its record time in ms, the batches sent by then."""

    at: int
    sent: int
    event: bytes
