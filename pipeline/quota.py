"""Quotas: what a user has under way and has asked for today, as facts of their partition, and when it is too much.

A task is counted on the day (UTC) on which it is planned: the numbers that it asks for, and once it has ended those
that it delivered. Only tasks planned under a quota are counted, so that users without one cost nothing.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from pipeline.refusals import refused
from pipeline.task import Task
from schemas.events import FieldError, Submission, TaskRefused, TaskSubmitted, ValidationSubmitted

DAY_MS = 86_400_000
DAYS = 8  # a task's events are kept for 7: one that was planned before has ended, or never will
MARK = b"#"  # of their keys; no user id has one


def fact_prefix(user_id: str) -> bytes:
    """What the keys of a user's facts begin with."""
    return MARK + f"{user_id}|".encode()


def fact_key(user_id: str, planned_at: int, task_id: str, ended: bool = False) -> bytes:
    """Key of the fact that a task was planned, or has ended. planned_at: ms since the epoch."""
    return fact_prefix(user_id) + f"{planned_at // DAY_MS:06d}|{task_id}{'|end' if ended else ''}".encode()


def expired(key: bytes, at: int) -> bool:
    """Whether a fact is of a day that does not count any more. at: ms since the epoch."""
    return int(key.split(b"|")[1]) <= at // DAY_MS - DAYS


@dataclass
class Load:
    """A user's tasks of the last days: task -> day and numbers, of those that run and of those that have ended.

    read_on: the day on which its facts were read; on a later one some of them count no more.
    """

    running: dict[str, tuple[int, int]] = field(default_factory=dict)
    ended: dict[str, tuple[int, int]] = field(default_factory=dict)
    read_on: int = field(default=0, compare=False)

    @classmethod
    def of_facts(cls, facts: Iterable[tuple[bytes, bytes]], read_on: int = 0) -> "Load":
        """Out of the table, in any order."""
        found = cls(read_on=read_on)
        for key, value in facts:
            _, day, task, *end = key.decode().split("|")
            (found.ended if end else found.running)[task] = int(day), int(value)
        for task in found.ended:
            found.running.pop(task, None)
        return found

    def add(self, task_id: str, planned_at: int, numbers: int) -> None:
        """A task is planned."""
        self.running[task_id] = planned_at // DAY_MS, numbers

    def end(self, task_id: str, planned_at: int, delivered: int) -> None:
        """A task has ended."""
        self.running.pop(task_id, None)
        self.ended[task_id] = planned_at // DAY_MS, delivered

    def numbers_on(self, day: int) -> int:
        """Numbers asked for or delivered on a day."""
        return sum(count for on, count in (*self.running.values(), *self.ended.values()) if on == day)


def asked(submitted: Submission) -> int:
    """How many numbers of the day a task takes; a validation takes none."""
    return 0 if isinstance(submitted, ValidationSubmitted) else submitted.plan.quantity


def delivered(task: Task) -> int:
    """How many numbers of its day a task has taken, now that it has ended."""
    return task.delivered if isinstance(task.submitted, TaskSubmitted) else 0


def over_quota(submitted: Submission, load: Load, at: int, refusals: Collection[bytes] = ()) -> TaskRefused | None:
    """The refusal of a task that is too much, with the figures; None where it may begin. at: its record time.

    refusals: what refusals of this task are known by. What was refused once stays refused, for on a replay others
    of the user's tasks may have ended.
    """
    quota = submitted.quota
    if quota is None:
        return None
    today, running = load.numbers_on(at // DAY_MS), len(load.running.keys() - {submitted.task_id})
    errors = []
    wanted = asked(submitted)
    if quota.numbers_a_day is not None and wanted and today + wanted > quota.numbers_a_day:
        rest = max(0, quota.numbers_a_day - today)
        text = f"{wanted} numbers asked for, {rest} of {quota.numbers_a_day} are left of this day (UTC)"
        errors.append(FieldError("quantity", text))
    if quota.tasks_at_once is not None and running >= quota.tasks_at_once:
        text = f"has {running} tasks running, and may have {quota.tasks_at_once}; ask again when one has ended"
        errors.append(FieldError("user_id", text))
    known_by = refusal_hash(submitted)
    if not errors and known_by in refusals:
        errors.append(FieldError("quantity", "was more than the quota allowed when it was asked for"))
    if not errors:
        return None
    details = {
        "numbers_a_day": quota.numbers_a_day,
        "numbers_today": today,
        "tasks_at_once": quota.tasks_at_once,
        "tasks_running": running,
        "requested": wanted,
    }
    return refused(submitted, "quota_exceeded", *errors, body_hash=known_by, details=details)


def refusal_hash(submitted: Submission) -> bytes:
    """What a refusal for quota is known by: this message of the request, for a later one may be accepted."""
    return hashlib.sha256(b"quota" + submitted.body_hash + str(submitted.requested_at).encode()).digest()
