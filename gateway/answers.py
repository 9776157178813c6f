"""The first that the progress topic says of a request: what an HTTP call waits for, but not for long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

from gateway.hub import Hub
from gateway.messages import Message
from schemas.events import TaskProgress

Answer = TaskProgress | dict[str, Any]  # a state of the task, or an `error` message (docs/contract.md)


class _Listener:
    """A reader of the hub that takes the first answer to one request."""

    def __init__(self, task_id: str, request_id: str, answers: Callable[[TaskProgress], bool]) -> None:
        self._task_id, self._request_id, self._answers = task_id, request_id, answers
        self.first: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def wants(self, progress: TaskProgress) -> bool:
        """Looks at the state itself, and wants no message."""
        if progress.task_id == self._task_id and self._answers(progress) and not self.first.done():
            self.first.set_result(progress)
        return False

    def deliver(self, message: Message) -> None:
        """A request of this user was rejected; perhaps this one."""
        if message.type == "error" and not self.first.done():
            error = orjson.loads(message.text)
            if error["request_id"] == self._request_id and error["task_id"] == self._task_id:
                self.first.set_result(error)


@contextlib.asynccontextmanager
async def first_answer(
    hub: Hub, user_id: str, task_id: str, request_id: str, answers: Callable[[TaskProgress], bool]
) -> AsyncIterator[asyncio.Future[Answer]]:
    """A future that holds the first answer to a request that is sent inside. answers: whether a state is one."""
    listener = _Listener(task_id, request_id, answers)
    hub.add(user_id, listener)
    try:
        yield listener.first
    finally:
        hub.remove(user_id, listener)


async def within(seconds: float, answer: asyncio.Future[Answer]) -> Answer | None:
    """The answer, None where it takes longer."""
    await asyncio.wait([answer], timeout=seconds)
    return answer.result() if answer.done() else None
