"""The internal events, as types. Field by field the records of ``schemas/avro``; a test holds them equal."""

from collections.abc import Mapping
from typing import get_args

from schemas.events.audit import Audited
from schemas.events.batch_ends import BatchFailed, BatchJudged, BatchStored, Fact
from schemas.events.batches import BatchAllocated, BatchPlanned, Compact, NumbersEnriched, Suppressed
from schemas.events.plans import AreaCodeShare, Filters, Plan, ValidationPlan
from schemas.events.progress import GenerationResult, RequestRejected, TaskError, TaskProgress, ValidationResult
from schemas.events.records import from_fields, to_fields
from schemas.events.submissions import (
    CancelRequested,
    FieldError,
    Quota,
    RedriveRequested,
    RequestHeader,
    RequestRecord,
    TaskForgotten,
    TaskRefused,
    TaskSubmitted,
    ValidationSubmitted,
)
from schemas.events.supply import PrefixBlocks, PrefixCurrent, Usage, UserUsage
from schemas.events.validations import NumbersJudged, ValidationPlanned

__all__ = [
    "BY_NAME",
    "AreaCodeShare",
    "Audited",
    "BatchAllocated",
    "BatchEnd",
    "BatchFailed",
    "BatchJudged",
    "BatchPlanned",
    "BatchStored",
    "CancelRequested",
    "Compact",
    "Event",
    "Fact",
    "FieldError",
    "Filters",
    "GenerationResult",
    "NumbersEnriched",
    "NumbersJudged",
    "Plan",
    "PrefixBlocks",
    "PrefixCurrent",
    "Quota",
    "RedriveRequested",
    "RequestHeader",
    "RequestRecord",
    "RequestRejected",
    "Submission",
    "Suppressed",
    "TaskError",
    "TaskEvent",
    "TaskForgotten",
    "TaskProgress",
    "TaskRefused",
    "TaskSubmitted",
    "Usage",
    "UserUsage",
    "ValidationPlan",
    "ValidationPlanned",
    "ValidationResult",
    "ValidationSubmitted",
    "from_fields",
    "to_fields",
]

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
