"""The first that the progress topic says of a request: what an HTTP call waits for, but not for long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from gateway.hub import Hub
from gateway.messages import Message
from schemas.events import RequestRejected, TaskProgress

Answer = TaskProgress | dict[str, Any]  # a state of the task, or an `error` message (docs/contract.md)


class _Listener:
    """Takes the first answer to one request."""

    def __init__(self, task_id: str, request_id: str, answers: Callable[[TaskProgress], bool]) -> None:
        self._task_id, self._request_id, self._answers = task_id, request_id, answers
        self.first: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def heard(self, event: TaskProgress | RequestRejected, message: Message) -> None:
        """A state of a task, perhaps of this one; or a request that was rejected, perhaps this one."""
        if self.first.done() or event.task_id != self._task_id:
            return
        if isinstance(event, RequestRejected):
            if event.request_id == self._request_id:
                self.first.set_result(orjson.loads(message.text))
        elif self._answers(event):
            self.first.set_result(event)


@contextlib.asynccontextmanager
async def first_answer(
    hub: Hub, user_id: str, task_id: str, request_id: str, answers: Callable[[TaskProgress], bool]
) -> AsyncIterator[asyncio.Future[Answer]]:
    """A future that holds the first answer to a request that is sent inside. answers: whether a state is one."""
    listener = _Listener(task_id, request_id, answers)
    with hub.listening(user_id, listener):
        yield listener.first


async def within(seconds: float, answer: asyncio.Future[Answer]) -> Answer | None:
    """The answer, None where it takes longer."""
    await asyncio.wait([answer], timeout=seconds)
    return answer.result() if answer.done() else None
