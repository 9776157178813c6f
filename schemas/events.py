"""The internal events, as types. Field by field the records of ``schemas/avro``; a test holds them equal."""

import types
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Filters:
    """What a number must match: one entry of each list that is not empty."""

    states: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    timezones: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()  # case-insensitive parts of the operating company's name
    line_types: tuple[str, ...] = ()
    fictional: bool = False


@dataclass(frozen=True, slots=True)
class AreaCodeShare:
    """One area code of a plan; quantity 0: used by supplements alone."""

    area_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the batches of a task depend on, fixed by its first TaskSubmitted."""

    quantity: int
    batch_size: int
    window: int
    prefix_version: int
    draw_version: int
    seed: str
    on_shortfall: str
    auto_validate: bool
    filters: Filters
    shares: tuple[AreaCodeShare, ...]


@dataclass(frozen=True, slots=True)
class FieldError:
    """A broken field and the rule it breaks."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user may, as it was when the request was planned; None: no bound."""

    numbers_a_day: int | None
    tasks_at_once: int | None


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A header of a Kafka record."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """The record of a request as it was read, without its authorization. timestamp: ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[RequestHeader, ...]


@dataclass(frozen=True, slots=True)
class TaskSubmitted:
    """A valid request, planned. record: of one that coordinate may yet refuse, for the dead letters; in no fact."""

    task_id: str
    user_id: str
    request_id: str
    project_id: str | None
    task_name: str | None
    body_hash: bytes
    requested_at: int
    plan: Plan
    quota: Quota | None = None
    record: RequestRecord | None = None


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """All that the batches of a validation depend on, fixed by its first ValidationSubmitted.

    kind: list (`numbers` as `given`), ids (`numbers`, held), held (stored batches: `batch_ids`, `counts`).
    suppressions: the place of the last change of what is suppressed that counts.
    """

    quantity: int
    batch_size: int
    window: int
    prefix_version: int
    source: str
    lookups: int
    kind: str
    held_task: str | None
    numbers: bytes
    given: tuple[str, ...]
    batch_ids: bytes
    counts: bytes
    suppressions: int = 0


@dataclass(frozen=True, slots=True)
class ValidationSubmitted:
    """A valid request for validation, planned. record: as in TaskSubmitted."""

    task_id: str
    user_id: str
    request_id: str
    project_id: str | None
    task_name: str | None
    body_hash: bytes
    requested_at: int
    plan: ValidationPlan
    quota: Quota | None = None
    record: RequestRecord | None = None


@dataclass(frozen=True, slots=True)
class TaskRefused:
    """A request that breaks a rule."""

    task_id: str
    user_id: str
    request_id: str | None
    project_id: str | None
    task_name: str | None
    type: str
    body_hash: bytes
    requested_at: int
    code: str
    message: str
    errors: tuple[FieldError, ...]
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A user wants a task to end."""

    task_id: str
    user_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class RedriveRequested:
    """An operator wants whatever of a task is in flight to be sent again."""

    task_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class TaskForgotten:
    """The facts of a task that ended long ago, or never began, are let go. facts: their names."""

    task_id: str
    user_id: str
    facts: tuple[str, ...]


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


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """What a generation delivered."""

    total_generated: int
    area_codes: Mapping[str, int]
    batches_processed: int
    prefix_data_version: int


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What a validation found; lookups: of an external one, by how they went."""

    validated_count: int
    valid_count: int
    invalid_count: int
    error_count: int
    reasons: Mapping[str, int]
    lookups: Mapping[str, int]
    prefix_data_version: int


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task failed; details is a JSON object."""

    code: str
    message: str
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """State of a task after one more of its facts; times in ms since the epoch."""

    task_id: str
    user_id: str
    sequence: int
    event: str
    request_id: str | None
    project_id: str | None
    task_name: str | None
    type: str
    status: str
    quantity: int
    processed_items: int
    succeeded: int
    failed_items: int
    batches_done: int
    batches_total: int
    current_step: str
    created_at: int
    started_at: int | None
    updated_at: int
    completed_at: int | None
    estimated_completion: int | None
    result: GenerationResult | None
    error: TaskError | None
    validation: ValidationResult | None = None


@dataclass(frozen=True, slots=True)
class RequestRejected:
    """An answer to a request that is no event of a task."""

    task_id: str
    user_id: str
    request_id: str | None
    code: str
    message: str
    rejected_at: int
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class PrefixBlocks:
    """All rows of the prefix data of one area code in one version, as columns (little-endian uint16)."""

    area_code: str
    version: int
    first_prefix_id: int
    nxx: bytes
    blocks: bytes
    country_names: tuple[str, ...]
    country: bytes
    state_names: tuple[str, ...]
    state: bytes
    timezone_names: tuple[str, ...]
    timezone: bytes
    carrier_names: tuple[str, ...]
    carrier: bytes
    line_type_names: tuple[str, ...]
    line_type: bytes
    rate_center_names: tuple[str, ...] = ()
    rate_center: bytes = b""


@dataclass(frozen=True, slots=True)
class PrefixCurrent:
    """The version of the prefix data that new requests are planned by."""

    version: int
    source: str
    rows: int
    area_codes: tuple[str, ...]
    imported_at: int


@dataclass(frozen=True, slots=True)
class UserUsage:
    """Numbers that one user's own list suppresses, not given out and not on everybody's, by thousands block."""

    user_id: str
    blocks: bytes
    suppressed: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of an area code is gone, by thousands block, absolute: of two the greater revision is the later.

    Columns (little-endian uint16): block (number // 1000), numbers given out, numbers suppressed and not given out.
    """

    area_code: str
    revision: int
    blocks: bytes
    used: bytes
    suppressed: bytes
    users: tuple[UserUsage, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """Who asked for what, and what came of it; details is a JSON object."""

    record_id: str
    at: int
    actor: str
    action: str
    subject: str
    outcome: str
    details: str = "{}"


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a task: the event that left it (encoded), its record time in ms, the batches sent by then."""

    at: int
    sent: int
    event: bytes


Event = (
    TaskSubmitted
    | ValidationSubmitted
    | TaskRefused
    | CancelRequested
    | RedriveRequested
    | TaskForgotten
    | BatchStored
    | BatchJudged
    | BatchFailed
    | BatchPlanned
    | Suppressed
    | Compact
    | ValidationPlanned
    | BatchAllocated
    | NumbersEnriched
    | NumbersJudged
    | TaskProgress
    | RequestRejected
    | PrefixBlocks
    | PrefixCurrent
    | Usage
    | Audited
    | Fact
)
Submission = TaskSubmitted | ValidationSubmitted
BatchEnd = BatchStored | BatchJudged | BatchFailed
TaskEvent = Submission | TaskRefused | CancelRequested | BatchEnd

BY_NAME: Mapping[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}

_T = TypeVar("_T")


@cache
def _nested(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Fields of a dataclass that hold dataclasses or tuples: name, item type or None, whether a tuple."""
    found = []
    for name, hint in get_type_hints(kind).items():
        options = get_args(hint) if get_origin(hint) in (types.UnionType,) else (hint,)
        for option in options:
            if get_origin(option) is tuple:
                item = get_args(option)[0]
                found.append((name, item if is_dataclass(item) else None, True))
            elif is_dataclass(option):
                found.append((name, option, False))
    return tuple(found)


def from_fields(kind: type[_T], record: dict[str, Any]) -> _T:
    """A dataclass out of the plain values of its Avro record."""
    for name, item, many in _nested(cast(Hashable, kind)):
        value = record[name]
        if many:
            record[name] = tuple(from_fields(item, v) if item else v for v in value)
        elif value is not None:
            record[name] = from_fields(item, value)
    return kind(**record)
