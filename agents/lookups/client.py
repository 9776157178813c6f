"""Asks a provider: one pool of connections, limits of rate and time, retries, and a breaker when it is down.

What goes wrong is an Answer with an error, never an exception: a verdict must not wait for a provider.
"""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import httpx
from aiolimiter import AsyncLimiter
from circuitbreaker import CircuitBreaker
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from agents.lookups.provider import Call, Provider
from pipeline.judge import Answer
from pipeline.storable import is_storable

CONNECTIONS = 20
ATTEMPTS = 3
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.4, 2.0
FAILURES_THAT_OPEN = 5
OPEN_SECONDS = 30
MAX_BODY_BYTES = 64 * 1024


class Failed(Exception):
    """No answer; error: a code for users. wait_seconds: what the provider asked for."""

    def __init__(self, error: str, wait_seconds: float = 0.0) -> None:
        super().__init__(error)
        self.error, self.wait_seconds = error, wait_seconds


class Passing(Failed):
    """Worth trying again: the provider was not reached, or has said that it does not answer this time."""


class LookupClient:
    """One provider as a worker asks it. timeout_seconds: for one number, retries included."""

    def __init__(self, provider: Provider, rate_per_second: float, timeout_seconds: float) -> None:
        self._provider, self._timeout_seconds = provider, timeout_seconds
        self._limiter = AsyncLimiter(max(1.0, rate_per_second), max(1.0, 1.0 / rate_per_second))
        self._breaker = CircuitBreaker(FAILURES_THAT_OPEN, OPEN_SECONDS, Failed, name="lookups")
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            timeout=httpx.Timeout(timeout_seconds, connect=min(2.0, timeout_seconds)),
            follow_redirects=False,
            trust_env=False,
        )
        self._wait = wait_random_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def turn(self, until: float) -> bool:
        """Wait until the rate allows one more call; False where that is not before `until`, by the loop's clock."""
        try:
            async with asyncio.timeout_at(until):
                await self._limiter.acquire()
        except TimeoutError:
            return False
        return True

    async def look_up(self, number: int) -> Answer:
        """What the provider says of a number, after its turn; an Answer with an error where it says nothing."""
        if self._breaker.opened:
            return Answer(error="provider_down")
        try:
            with self._breaker:
                return await self._within_time(number)
        except Failed as failed:
            return Answer(error=failed.error)

    async def _within_time(self, number: int) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._tried(number)
        except TimeoutError:
            raise Failed("timeout") from None

    async def _tried(self, number: int) -> Answer:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._waits,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                return await self._asked(self._provider.call(number))
        raise AssertionError("the last attempt returns or raises")

    def _waits(self, state: RetryCallState) -> float:
        """A growing time with jitter, or longer where the provider asks for it."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_seconds if isinstance(error, Failed) else 0.0
        return max(self._wait(state), min(asked, self._timeout_seconds))

    async def _asked(self, call: Call) -> Answer:
        try:
            async with self._http.stream(
                "GET", call.url, params=call.parameters, auth=call.credentials
            ) as response:
                status, headers = response.status_code, response.headers
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_BODY_BYTES:
                        raise Failed("wrong_answer")
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            raise Passing("timeout") from None
        except httpx.ConnectError:
            raise Passing("not_reachable") from None
        except httpx.TimeoutException:  # it was asked: whether it has answered, and counts that, is not known
            raise Failed("timeout") from None
        except httpx.HTTPError:  # reset, cut off
            raise Failed("not_reachable") from None
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise Passing("too_many_requests", _seconds(headers.get("retry-after")))
        if status >= 500:
            raise Passing(f"http_{status}")
        if status != httpx.codes.OK:
            raise Failed(f"http_{status}")
        return self._read(body)

    def _read(self, body: bytes) -> Answer:
        try:
            found: Any = json.loads(body)
            answer = self._provider.answer(found)
        except Exception:  # whatever a provider's reading meets: it is no answer
            raise Failed("wrong_answer") from None
        texts = (answer.line_type, answer.carrier, answer.reason, answer.error)
        if not all(text is None or is_storable(text) for text in texts):
            raise Failed("wrong_answer")
        return answer


def _seconds(text: str | None) -> float:
    try:
        return max(0.0, float(text or 0))
    except ValueError:  # a date
        return 0.0
