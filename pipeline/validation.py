"""The plan of a validation, and its batches: a pure function of the request and of what it names.

A list is judged in the order given, ids likewise. Of held numbers whole stored batches are judged, so that one
verdict can stand for a batch; where a provider is asked, parts of one.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipeline.notation import parse_all
from pipeline.refusals import invalid
from schemas.events import FieldError, NumbersJudged, ValidationPlan, ValidationPlanned, ValidationSubmitted
from schemas.requests import ValidateRequest

LIST, IDS, HELD = "list", "ids", "held"
MOST_HELD_BATCHES = 200_000  # their ids and counts ride in one message
EXTERNAL_BATCH = 10  # numbers: a provider answers some a second, and a step must not take long over one batch
EXTERNAL_WINDOW = 2


@dataclass(frozen=True)
class Held:
    """Stored batches as PostgreSQL has them: ids, sorted, and the numbers of each (int32)."""

    batch_ids: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Terms:
    """What an installation decides of a plan.

    lookups: numbers a task may have looked up; None: no provider. suppressions: place of the last change of what is
    suppressed.
    """

    prefix_version: int
    window: int
    lookups: int | None
    suppressions: int = 0


def plan_validation(request: ValidateRequest, terms: Terms, held: Held | None) -> ValidationPlan:
    """The plan of a request. held: what its task_id or project_id names, or the first of it where that is more than
    MOST_HELD_BATCHES.  Raises RequestInvalid."""
    external = request.source == "external"
    if external and terms.lookups is None:
        rule = 'must be "internal": this installation has no lookup provider (NUMBERLINE_LOOKUP_PROVIDER)'
        raise invalid(request, "invalid_request", FieldError("source", rule))
    numbers, kind = b"", HELD
    if request.numbers:
        numbers, kind = parse_all(request.numbers).astype("<i8").tobytes(), LIST
    elif request.ids:
        numbers, kind = np.array(request.ids, "<i8").tobytes(), IDS
    elif held is None or not len(held.batch_ids):
        name = "task_id" if request.task_id else "project_id"
        rule = f"you hold no numbers of this {name.removesuffix('_id')}"
        raise invalid(request, "nothing_held", FieldError(name, rule))
    elif len(held.batch_ids) > MOST_HELD_BATCHES:
        rule = f"has more than {MOST_HELD_BATCHES} batches, which is the most that one request judges"
        raise invalid(request, "invalid_request", FieldError("project_id", f"{rule}: name its tasks one by one"))
    return ValidationPlan(
        quantity=len(request.numbers) + len(request.ids) + (0 if held is None else int(held.counts.sum())),
        batch_size=min(request.batch_size, EXTERNAL_BATCH) if external else request.batch_size,
        window=min(terms.window, EXTERNAL_WINDOW) if external else terms.window,
        prefix_version=terms.prefix_version,
        source=request.source,
        lookups=(terms.lookups or 0) if external else 0,
        kind=kind,
        held_task=request.task_id,
        numbers=numbers,
        given=request.numbers,
        batch_ids=b"" if held is None else held.batch_ids.astype("<i4").tobytes(),
        counts=b"" if held is None else held.counts.astype("<i4").tobytes(),
        suppressions=terms.suppressions,
    )


@dataclass(frozen=True)
class Part:
    """One batch of a plan: `size` numbers from `position` on; of stored batches `first` up to `last` (not
    included), from `offset` on where that is a part of one."""

    position: int
    size: int
    first: int = 0
    last: int = 0
    offset: int = 0


def parts(plan: ValidationPlan) -> tuple[Part, ...]:
    """Its batches, in the order in which they are sent."""
    if plan.kind != HELD:
        size = plan.batch_size
        return tuple(Part(at, min(size, plan.quantity - at)) for at in range(0, plan.quantity, size))
    cut = _slices if plan.source == "external" else _groups
    return cut(plan.counts, plan.batch_size)


@lru_cache(256)
def _groups(counts: bytes, batch_size: int) -> tuple[Part, ...]:
    """As many stored batches together as make no more than batch_size numbers, at least one."""
    found, position, first, size = [], 0, 0, 0
    each = np.frombuffer(counts, "<i4").tolist()
    for at, count in enumerate(each):
        if size and size + count > batch_size:
            found.append(Part(position, size, first, at))
            position, first, size = position + size, at, 0
        size += count
    return (*found, Part(position, size, first, len(each)))


@lru_cache(256)
def _slices(counts: bytes, batch_size: int) -> tuple[Part, ...]:
    """Each stored batch by itself, cut into pieces."""
    found, position = [], 0
    for at, count in enumerate(np.frombuffer(counts, "<i4").tolist()):
        for offset in range(0, count, batch_size):
            size = min(batch_size, count - offset)
            found.append(Part(position, size, at, at + 1, offset))
            position += size
    return tuple(found)


def planned_validation(submitted: ValidationSubmitted, batch: int) -> ValidationPlanned:
    """The message that asks for a batch."""
    plan = submitted.plan
    part = parts(plan)[batch]
    end = part.position + part.size
    return ValidationPlanned(
        task_id=submitted.task_id,
        user_id=submitted.user_id,
        batch=batch,
        project_id=submitted.project_id,
        kind=plan.kind,
        source=plan.source,
        prefix_version=plan.prefix_version,
        lookups=max(0, min(part.size, plan.lookups - part.position)),
        position=part.position,
        size=part.size,
        numbers=plan.numbers[part.position * 8 : end * 8],
        given=plan.given[part.position : end],
        batch_ids=plan.batch_ids[part.first * 4 : part.last * 4],
        offset=part.offset,
        suppressions=plan.suppressions,
    )


def batch_key(batch: ValidationPlanned | NumbersJudged) -> str:
    """The key of a batch of a validation: no order among batches, so that they spread over the partitions."""
    return f"{batch.task_id}|{batch.batch}"


def without_numbers(submitted: ValidationSubmitted) -> ValidationSubmitted:
    """What has to be kept of a validation that has ended: enough to know its request again."""
    plan = replace(submitted.plan, numbers=b"", given=(), batch_ids=b"", counts=b"")
    return replace(submitted, plan=plan)
