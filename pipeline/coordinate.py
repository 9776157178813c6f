"""What coordinate decides for one event of a task: what to send, and the fact that it leaves."""

from dataclasses import dataclass

from pipeline.errors import Unreadable
from pipeline.progress import due, progress_after
from pipeline.refusals import refused
from pipeline.task import Task
from schemas import codec
from schemas.events import (
    BatchEnd,
    BatchFailed,
    BatchJudged,
    BatchPlanned,
    BatchStored,
    CancelRequested,
    Fact,
    FieldError,
    RequestRejected,
    Submission,
    TaskEvent,
    TaskProgress,
    TaskRefused,
    TaskSubmitted,
    ValidationPlanned,
    ValidationSubmitted,
)

REFUSED = "refused"  # what the names of facts of refusals begin with
REUSED = "this request_id was used with another body, and that task goes on: choose a new request_id"


@dataclass(frozen=True)
class Decision:
    """What one event leads to.

    sends: in this order, before the fact is written. after: the task with the fact, or None where the event
    leaves none: it was there before (`repeated`: it is written once more, for the local store may be ahead of
    the changelog, faust.md F5), or it never counts.
    """

    batches: tuple[BatchPlanned | ValidationPlanned, ...] = ()
    progress: TaskProgress | RequestRejected | None = None
    after: Task | None = None
    repeated: bool = False
    sent_before: int = 0  # batches sent before this event, which its fact records

    @property
    def begins(self) -> bool:
        """Whether its batches are the first ones of the task."""
        return bool(self.batches) and not self.sent_before


def fact_name(event: TaskEvent) -> str:
    """The name of the fact that an event leaves, one a task."""
    match event:
        case TaskSubmitted() | ValidationSubmitted():
            return "plan"
        case TaskRefused():
            return f"{REFUSED}|{event.body_hash.hex()}"
        case CancelRequested():
            return "cancel"
        case BatchStored() | BatchJudged() | BatchFailed():
            return f"batch|{event.batch:06d}"


def refusal_named(name: str) -> bytes | None:
    """What a refusal is known by, out of the name of its fact; None for the name of any other."""
    kind, _, body_hash = name.partition("|")
    return bytes.fromhex(body_hash) if kind == REFUSED else None


def fact_of(event: TaskEvent, at: int, sent: int) -> bytes:
    """The fact that an event leaves; equal on a replay, which finds the same record and the same facts."""
    return codec.encode(Fact(at, sent, codec.encode(event)))


def decide(task: Task, event: TaskEvent, at: int) -> Decision:
    """What an event of a task leads to. at: its record time, ms since the epoch.

    Raises Unreadable for a batch that was never sent: no fact can account for it.
    """
    if task.has(event):
        return Decision(repeated=True)
    if rejected := _rejected(task, event, at):
        return Decision(progress=rejected)
    if task.ended:
        return Decision()
    if isinstance(event, BatchEnd) and (task.submitted is None or event.batch >= task.sent):
        raise Unreadable(f"batch {event.batch} of task {event.task_id} was never sent")
    after = task.with_fact(event, at, task.sent)
    batches = tuple(after.planned(batch) for batch in range(task.sent, after.sent))
    if isinstance(event, CancelRequested) and task.submitted is None:
        return Decision(progress=_unknown(event, at), after=after)
    progress = progress_after(after, event, at) if due(task, after, event, at) else None
    return Decision(batches, progress, after, sent_before=task.sent)


def redrive(task: Task) -> Decision:
    """Sends again whatever of a task is in flight; nothing of one that is unknown or has ended."""
    if task.submitted is None or task.ended:
        return Decision()
    return Decision(tuple(task.planned(batch) for batch in range(task.sent) if batch not in task.batches))


def refused_while_running(
    submitted: ValidationSubmitted, task: Task, target: Task, ended: TaskProgress | None
) -> TaskRefused | None:
    """The refusal of a validation whose target is not whole yet; None where it may begin.

    ended: what the target's end left. A target whose facts are gone ended long ago. What was refused once stays
    refused, for on a replay the target may have gone on.
    """
    whole = target.submitted is None or (ended is not None and ended.processed_items == submitted.plan.quantity)
    if whole and submitted.body_hash not in task.refusals:
        return None
    rule = "is still running; ask again, with another request_id, when it has ended"
    return refused(submitted, "task_running", FieldError("task_id", rule), body_hash=submitted.body_hash)


def _rejected(task: Task, event: TaskEvent, at: int) -> RequestRejected | None:
    """The answer to a request that changes nothing of the task that is there."""
    match event:
        case TaskSubmitted() | ValidationSubmitted() | TaskRefused() if task.submitted is not None:
            return _reject(event, at, "request_id_reused", REUSED)
        case CancelRequested() if task.ended:
            return _reject(event, at, "task_ended", f"the task is {task.status} already")
        case CancelRequested() if task.cancel_request is not None:
            if task.submitted is None:
                return _unknown(event, at)
            return _reject(event, at, "already_cancelled", "the task is being cancelled already")
        case _:
            return None


def _unknown(event: CancelRequested, at: int) -> RequestRejected:
    text = "you have no such task; should its request still come, it ends at once"
    return _reject(event, at, "unknown_task", text)


def _reject(event: Submission | TaskRefused | CancelRequested, at: int, code: str, message: str) -> RequestRejected:
    return RequestRejected(event.task_id, event.user_id, event.request_id, code, message, at)
