"""How many exports run at once, and how long one waits for its reader."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.api.problems import RETRY_SECONDS, Problem

MOST, MOST_OF_A_USER = 16, 3
STALLED_SECONDS = 60.0  # a reader that takes nothing for so long is cut


class Exports:
    """Those that run, by user: each holds some megabytes, and a session of PostgreSQL for a moment at a time."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()

    @contextlib.contextmanager
    def one_more(self, user_id: str) -> Iterator[None]:
        """While it runs.  Raises Problem where as many run already."""
        if self._running[user_id] >= MOST_OF_A_USER or self._running.total() >= MOST:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            detail = f"at most {MOST_OF_A_USER} exports of a user run at once, and {MOST} of all"
            raise Problem(429, "too_many_requests", detail, headers=retry)
        self._running[user_id] += 1
        try:
            yield
        finally:
            self._running[user_id] -= 1
            self._running += Counter()  # without those at 0


class Stream(StreamingResponse):
    """The answer of an export. One that fails in the middle cuts the connection: no client takes a part for all."""

    def __init__(
        self,
        exports: Exports,
        user_id: str,
        parts: AsyncIterator[bytes],
        headers: Mapping[str, str],
        media_type: str,
    ) -> None:
        super().__init__(parts, headers=headers, media_type=media_type)
        self._exports, self._user_id = exports, user_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        with self._exports.one_more(self._user_id):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send it, unless its reader has gone to sleep."""

        async def patient(message: Message) -> None:
            async with asyncio.timeout(STALLED_SECONDS):
                await send(message)

        await super().stream_response(patient)
