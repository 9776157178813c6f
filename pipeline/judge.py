"""What judge decides of a batch: the verdict on each number, and what of that has to be written."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline import numbering
from pipeline.storable import storable
from pipeline.suppress import SuppressedNumbers
from pipeline.validation import IDS
from pipeline.verdicts import CODE, REASONS, Blocks, Verdicts
from schemas.events import NumbersJudged, ValidationPlanned


@dataclass(frozen=True)
class HeldVerdicts:
    """Stored batches and one verdict for each; and, as columns, the numbers that differ from theirs.

    prefix_ids: of those numbers, the row that holds the block now where it says something new, else None.
    """

    batch_ids: list[int]
    verdicts: list[str]
    counts: dict[str, int]
    numbers: list[int]
    of_batch: list[int]
    reasons: list[str]
    prefix_ids: list[int | None]


def judge_held(
    batch_ids: npt.NDArray[np.int32],
    numbers: npt.NDArray[np.int64],
    found: Verdicts,
    changed: npt.NDArray[np.bool_],
) -> HeldVerdicts:
    """The verdicts on whole stored batches: of each its most frequent one, and the exceptions.

    numbers: E.164, with the batch that each belongs to. changed: whose holder's row is not what it was.
    """
    ids, of_batch = np.unique(batch_ids, return_inverse=True)
    tally = np.bincount(of_batch * len(REASONS) + found.reasons, minlength=len(ids) * len(REASONS))
    most = tally.reshape(-1, len(REASONS)).argmax(axis=1)
    at = np.flatnonzero((found.reasons != most[of_batch]) | changed)
    return HeldVerdicts(
        batch_ids=ids.tolist(),
        verdicts=[REASONS[code] for code in most],
        counts=found.counts(),
        numbers=numbers[at].tolist(),
        of_batch=batch_ids[at].tolist(),
        reasons=[REASONS[code] for code in found.reasons[at]],
        prefix_ids=[
            prefix if new else None
            for prefix, new in zip(found.prefix_ids[at].tolist(), changed[at].tolist(), strict=True)
        ],
    )


def given_numbers(planned: ValidationPlanned) -> npt.NDArray[np.int64]:
    """The national numbers of a list or of ids."""
    numbers = np.frombuffer(planned.numbers, "<i8")
    return numbers - numbering.COUNTRY if planned.kind == IDS else numbers


def numbers_judged(
    planned: ValidationPlanned, numbers: npt.NDArray[np.int64], blocks: Blocks, suppressed: SuppressedNumbers
) -> NumbersJudged:
    """A batch with the verdict on each of its national numbers."""
    found = blocks.judge(numbers, suppressed.among(numbers))
    return NumbersJudged(
        task_id=planned.task_id,
        user_id=planned.user_id,
        batch=planned.batch,
        project_id=planned.project_id,
        kind=planned.kind,
        prefix_version=planned.prefix_version,
        lookups=planned.lookups,
        position=planned.position,
        numbers=numbers.astype("<i8").tobytes(),
        given=planned.given,
        reasons=found.reasons.tobytes(),
        prefix_ids=found.prefix_ids.astype("<i4").tobytes(),
    )


@dataclass(frozen=True)
class Answer:
    """What a provider said of a number. reason: instead of the internal `valid`, where it says otherwise."""

    line_type: str | None = None
    carrier: str | None = None
    reason: str | None = None
    error: str | None = None  # why it said nothing


@dataclass(frozen=True)
class JudgedNumber:
    """One number of a batch. number: E.164, None of what is none. prefix_id: None where nobody holds its block."""

    position: int
    given: str | None
    number: int | None
    reason: str
    prefix_id: int | None
    source: str = "internal"
    external: Answer = Answer()


def asked_numbers(batch: NumbersJudged) -> tuple[list[int], list[int]]:
    """The numbers, E.164, to look up, and those beyond the task's budget; only what the prefix data finds valid."""
    numbers = np.frombuffer(batch.numbers, "<i8")
    valid = np.frombuffer(batch.reasons, np.uint8) == CODE["valid"]
    within = np.arange(len(numbers)) < batch.lookups
    asked = set((numbers[valid & within] + numbering.COUNTRY).tolist())
    return sorted(asked), sorted(set((numbers[valid & ~within] + numbering.COUNTRY).tolist()) - asked)


def judged_numbers(batch: NumbersJudged, answers: dict[int, Answer] | None = None) -> list[JudgedNumber]:
    """A batch number by number. answers: E.164 -> what the provider said; without, the verdicts are internal."""
    numbers = np.frombuffer(batch.numbers, "<i8").tolist()
    reasons = np.frombuffer(batch.reasons, np.uint8).tolist()
    prefix_ids = np.frombuffer(batch.prefix_ids, "<i4").tolist()
    given = batch.given or (None,) * len(numbers)
    rows = [
        JudgedNumber(
            position=position,
            given=None if text is None else storable(text),
            number=numbering.COUNTRY + number if number >= 0 else None,
            reason=REASONS[reason],
            prefix_id=prefix_id if prefix_id >= 0 else None,
        )
        for position, (text, number, reason, prefix_id) in enumerate(
            zip(given, numbers, reasons, prefix_ids, strict=True), batch.position
        )
    ]
    if answers is None:
        return rows
    return [_with_answer(row, answers.get(row.number)) if row.number else row for row in rows]


def _with_answer(row: JudgedNumber, answer: Answer | None) -> JudgedNumber:
    """An answer that failed leaves the internal verdict, and says so."""
    if answer is None:
        return row
    if answer.error is not None:
        return replace(row, external=answer)
    return replace(row, source="external", reason=answer.reason or row.reason, external=answer)
