"""The state of a task: a pure function of its facts, which only ever grow (docs/delivery.md).

A fact is the event that left it: TaskSubmitted or ValidationSubmitted (the plan), TaskRefused, CancelRequested,
one BatchStored, BatchJudged or BatchFailed a batch. How many batches are sent is a function of the facts as well,
so that a replay, a successor and a zombie agree on it: with k stored, the first min(N, window + k) of the N
numbered ones; then supplements, one at a time, while numbers are missing and an area code is not yet found short.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal, cast

from pyroaring import FrozenBitMap

from pipeline.plan import numbered_batches
from pipeline.validation import parts, planned_validation
from schemas.events import (
    BatchFailed,
    BatchJudged,
    BatchPlanned,
    BatchStored,
    CancelRequested,
    Plan,
    Submission,
    TaskEvent,
    TaskRefused,
    TaskSubmitted,
    ValidationPlan,
    ValidationPlanned,
    ValidationSubmitted,
)

Status = Literal["running", "completed", "failed", "cancelled"]


@dataclass(frozen=True)
class Closing:
    """Why nothing more is sent. Failures come before cancels, the lowest batch first."""

    cancelled: bool
    batch: int
    code: str
    message: str
    sent: int  # batches sent when it was decided

    def before(self, other: "Closing | None") -> bool:
        """Whether this is the reason to give, of the two."""
        return other is None or (self.cancelled, self.batch) < (other.cancelled, other.batch)


@dataclass(frozen=True)
class Task:
    """All that the facts of one task say."""

    facts: int = 0
    submitted: Submission | None = None
    started_at: int = 0
    latest_at: int = 0  # the greatest record time of its facts but refusals, ms since the epoch
    refusals: frozenset[bytes] = frozenset()
    cancel_request: str | None = None  # request_id of the cancel in force
    batches: FrozenBitMap = field(default_factory=FrozenBitMap)  # stored, judged or failed
    delivered_by_code: Mapping[str, int] = field(default_factory=dict)
    short: frozenset[str] = frozenset()  # area codes that a batch has found exhausted
    verdicts: Mapping[str, int] = field(default_factory=dict)  # of a validation, by reason
    errors: int = 0  # of a validation: numbers that could not be judged
    lookups: Mapping[str, int] = field(default_factory=dict)
    closing: Closing | None = None
    end: Status | None = None  # how it ended, once that is a fact: those of its batches are deleted then

    def with_fact(self, event: TaskEvent, at: int, sent: int) -> "Task":
        """One more fact; `sent` as it was before it. The order of facts does not matter."""
        more = replace(self, facts=self.facts + 1, latest_at=max(self.latest_at, at))
        match event:
            case TaskSubmitted() | ValidationSubmitted():
                return replace(more, submitted=event, started_at=at)
            case TaskRefused():
                return self.with_refusals({event.body_hash})
            case CancelRequested():
                reason = Closing(True, 0, "cancelled", "cancelled by its user", sent)
                return replace(more, cancel_request=event.request_id, closing=self._closing(reason))
            case BatchStored():
                counts = dict(self.delivered_by_code)
                counts[event.area_code] = counts.get(event.area_code, 0) + event.count
                short = self.short | {event.area_code} if event.count < event.asked else self.short
                batches = self.batches | FrozenBitMap([event.batch])
                return replace(more, batches=batches, delivered_by_code=counts, short=short)
            case BatchJudged():
                return replace(
                    more,
                    batches=self.batches | FrozenBitMap([event.batch]),
                    verdicts=_sum(self.verdicts, event.reasons),
                    errors=self.errors + event.errors,
                    lookups=_sum(self.lookups, event.lookups),
                )
            case BatchFailed():
                reason = Closing(False, event.batch, event.code, event.message, sent)
                batches = self.batches | FrozenBitMap([event.batch])
                return replace(more, batches=batches, closing=self._closing(reason))

    def with_refusals(self, body_hashes: Collection[bytes]) -> "Task":
        """The facts of refusals: of each nothing counts but what it is known by."""
        return replace(self, facts=self.facts + len(body_hashes), refusals=self.refusals.union(body_hashes))

    def with_end(self, status: str) -> "Task":
        """The fact that it has ended."""
        return replace(self, end=cast(Status, status))

    def _closing(self, reason: Closing) -> Closing:
        return reason if self.closing is None or reason.before(self.closing) else self.closing

    def has(self, event: TaskEvent) -> bool:
        """Whether the fact that this event would leave is there."""
        match event:
            case TaskSubmitted() | ValidationSubmitted():
                return self.submitted is not None and self.submitted.body_hash == event.body_hash
            case TaskRefused():
                # a request that was accepted once is not refused for what it has itself taken since
                accepted = self.submitted is not None and self.submitted.body_hash == event.body_hash
                return accepted or event.body_hash in self.refusals
            case CancelRequested():
                return self.cancel_request == event.request_id
            case BatchStored() | BatchJudged() | BatchFailed():
                return event.batch in self.batches

    @property
    def plan(self) -> Plan | ValidationPlan:
        """Its plan, which every task that sends batches has."""
        assert self.submitted is not None
        return self.submitted.plan

    @cached_property
    def numbered(self) -> int:
        """How many batches the plan has, supplements not among them."""
        plan = self.plan
        return len(parts(plan)) if isinstance(plan, ValidationPlan) else len(_numbered(plan))

    @cached_property
    def delivered(self) -> int:
        """Numbers, or of a validation verdicts, that are durable in PostgreSQL."""
        return sum(self.delivered_by_code.values()) + sum(self.verdicts.values())

    @property
    def missing(self) -> int:
        """Numbers asked for that have come to no end yet."""
        return self.plan.quantity - self.delivered - self.errors

    @property
    def done(self) -> int:
        """Batches stored or failed."""
        return len(self.batches)

    def open_codes(self) -> list[str]:
        """Area codes that no batch has found exhausted, in the order in which supplements ask them."""
        if isinstance(self.plan, ValidationPlan):
            return []
        return [share.area_code for share in self.plan.shares if share.area_code not in self.short]

    @cached_property
    def sent(self) -> int:
        """How many batches are sent: those numbered 0 to sent - 1."""
        if self.closing is not None:
            return self.closing.sent
        if self.submitted is None:
            return 0
        if self.done < self.numbered:
            return min(self.numbered, self.plan.window + self.done)
        return self.done + (self.missing > 0 and bool(self.open_codes()))

    def planned(self, batch: int) -> BatchPlanned | ValidationPlanned:
        """The message that asks for a batch; of a supplement, once all before it are stored."""
        if isinstance(self.submitted, ValidationSubmitted):
            return planned_validation(self.submitted, batch)
        assert self.submitted is not None
        plan = self.submitted.plan
        if batch < self.numbered:
            area_code, size = _numbered(plan)[batch]
        else:
            area_code, size = self.open_codes()[0], min(plan.batch_size, self.missing)
        return BatchPlanned(
            task_id=self.submitted.task_id,
            user_id=self.submitted.user_id,
            batch=batch,
            project_id=self.submitted.project_id,
            area_code=area_code,
            size=size,
            prefix_version=plan.prefix_version,
            draw_version=plan.draw_version,
            seed=plan.seed,
            auto_validate=plan.auto_validate,
            filters=plan.filters,
        )

    @cached_property
    def status(self) -> Status:
        """running until all that was sent is back; then, once, how it ended."""
        if self.end is not None:
            return self.end
        if self.submitted is None:
            return "failed" if self.refusals else "running"
        if self.sent > self.done:
            return "running"
        if self.missing == 0:
            return "completed"
        if self.closing is not None:
            return "cancelled" if self.closing.cancelled else "failed"
        partial = isinstance(self.plan, Plan) and self.plan.on_shortfall == "partial"
        return "completed" if partial else "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing can change any more: a refused request may still be corrected."""
        return self.submitted is not None and self.status != "running"


def _sum(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: counts.get(name, 0) + more.get(name, 0) for name in sorted({*counts, *more})}


@lru_cache(256)
def _numbered(plan: Plan) -> tuple[tuple[str, int], ...]:
    return numbered_batches(plan)
