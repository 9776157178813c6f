"""Requests onto Kafka, acknowledged by the broker, and the first that a worker says of each."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from gateway.answers import Answer, first_answer, within
from gateway.api.problems import Problem
from gateway.hub import Hub
from gateway.producer import GatewayProducer
from pipeline.coordinate import REUSED
from pipeline.views import error_view
from schemas.events import FieldError, TaskProgress
from schemas.identity import task_id as task_id_of
from schemas.requests import CancelRequest, Request

ANSWER_SECONDS = 1.0
MOST_REMEMBERED = 10_000
STATUS_OF = {
    "request_id_reused": 422,
    "unknown_task": 404,
    "task_ended": 409,
    "already_cancelled": 409,
    "quota_exceeded": 429,
}


K = TypeVar("K")
V = TypeVar("V")


class _Last(OrderedDict[K, V]):
    """What was set last, MOST_REMEMBERED of it."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST_REMEMBERED:
            self.popitem(last=False)


class Submissions:
    """Sends requests. The last ones are remembered by their task: a worker says nothing of one that comes again."""

    def __init__(self, producer: GatewayProducer, hub: Hub) -> None:
        self._producer, self._hub = producer, hub
        self._accepted = _Last[str, bytes]()  # task -> hash of its request's body
        self._sent = _Last[tuple[str, str], None]()  # user and task

    async def send(self, request: Request) -> TaskProgress | None:
        """The task's first state, None where none came within ANSWER_SECONDS.

        Returns once the broker has acknowledged the request. Raises Problem where it was refused within the time,
        Unavailable where it was not acknowledged.
        """
        task, body = task_of(request), request.body_hash()
        again = not isinstance(request, CancelRequest) and self._accepted.get(task)
        if again and again != body:
            raise Problem(422, "request_id_reused", REUSED)
        answers = (
            _answers_cancel if isinstance(request, CancelRequest) else _answers_first(self._hub, request, task)
        )
        async with first_answer(self._hub, request.user_id, task, request.request_id, answers) as answer:
            await self._producer.send(request, task)
            self._sent[request.user_id, task] = None
            if again:
                return self._hub.tasks.newest(request.user_id, task)
            first = await within(ANSWER_SECONDS, answer)
        state = _state(first)
        if state is not None and not isinstance(request, CancelRequest):
            self._accepted[task] = body
        return state

    def sent(self, user_id: str, task: str) -> bool:
        """Whether a request of this user's for the task went from here: a worker may not have come to it yet."""
        return (user_id, task) in self._sent


def task_of(request: Request) -> str:
    """The task that a request makes, or means."""
    if isinstance(request, CancelRequest):
        return request.task_id
    return task_id_of(request.user_id, request.request_id)


def _answers_cancel(progress: TaskProgress) -> bool:
    return progress.status != "running" or progress.current_step == "closing"


def _answers_first(hub: Hub, request: Request, task: str) -> Callable[[TaskProgress], bool]:
    """A task that is there already goes on by itself: then only a rejection can be the answer."""
    known = hub.tasks.newest(request.user_id, task)
    refused = known is None or known.current_step == "refused"
    return lambda progress: refused and progress.event in ("started", "failed")


def _state(answer: Answer | None) -> TaskProgress | None:
    """The state in an answer.  Raises Problem for a rejection."""
    if isinstance(answer, TaskProgress):
        if answer.current_step == "refused":
            raise _refused(answer)
        return answer
    if answer is not None:
        code, details = answer["code"], answer["details"] or {}
        raise Problem(
            STATUS_OF.get(code, 422),
            code,
            answer["message"],
            details={"task_id": answer["task_id"], "details": details},
        )
    return None


def _refused(progress: TaskProgress) -> Problem:
    error = error_view(progress.error) or {"code": "invalid_request", "message": "refused", "details": {}}
    details = dict(error["details"])
    errors = tuple(FieldError(one["field"], one["message"]) for one in details.pop("errors", []))
    further = {"task_id": progress.task_id} | ({"details": details} if details else {})
    return Problem(STATUS_OF.get(error["code"], 422), error["code"], error["message"], errors, details=further)
