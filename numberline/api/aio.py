"""The client for asyncio: the same calls as the plain one, awaited."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from numberline.api.calls import ApiError, Call, Lines, Watching, checked, get, pause, post, user_of
from numberline.api.types import Number, Submitted, Task, read

TIMEOUT_SECONDS = 30.0


class AsyncClient:
    """One user's calls. Every method raises ApiError for an answer that is an error, httpx.TransportError where no
    answer comes though it was tried again."""

    def __init__(self, url: str, token: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._token = token
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"), headers={"Authorization": f"Bearer {token}"}, timeout=timeout
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def generate(self, quantity: int, *, idempotency_key: str | None = None, **fields: Any) -> Submitted:
        """Ask for numbers. fields: those of `generate` (docs/contract.md), such as area_codes, states."""
        call = post("/api/generate-numbers-enhanced/", {"quantity": quantity, **fields}, idempotency_key)
        return read(Submitted, (await self._call(call)).json())

    async def validate(self, *, idempotency_key: str | None = None, **fields: Any) -> Submitted:
        """Ask for verdicts. fields: those of `validate`: numbers, task_id or project_id."""
        return read(
            Submitted, (await self._call(post("/api/validate-numbers-enhanced/", fields, idempotency_key))).json()
        )

    async def cancel(self, task_id: str) -> Submitted:
        """End a task; what was delivered stays."""
        return read(Submitted, (await self._call(post(f"/api/tasks/{task_id}/cancel/", None, None))).json())

    async def task(self, task_id: str) -> Task:
        """One task."""
        return read(Task, (await self._call(get(f"/api/tasks/{task_id}/"))).json())

    async def tasks(self, *, active: bool = False) -> AsyncIterator[Task]:
        """All tasks, newest first; active: those alone that have not ended."""
        async for row in self._pages(get("/api/tasks/active/" if active else "/api/tasks/")):
            yield read(Task, row)

    async def numbers(
        self, *, task_id: str | None = None, page_size: int = 1000, **filters: Any
    ) -> AsyncIterator[Number]:
        """Numbers, in the order in which they were stored. filters: area_code, state, carrier, line_type, ..."""
        path = "/api/numbers/" if task_id is None else f"/api/tasks/{task_id}/numbers/"
        async for row in self._pages(get(path, limit=page_size, **filters)):
            yield read(Number, row)

    async def statistics(self) -> dict[str, Any]:
        """How many numbers there are, and where."""
        return dict((await self._call(get("/api/statistics/"))).json())

    async def capacity(self, **filters: Any) -> dict[str, Any]:
        """How many numbers are left, for the filters of a generation."""
        return dict((await self._call(Call("POST", "/api/capacity/", body=filters))).json())

    async def export(self, out: str | Path | BinaryIO, *, format: str = "csv", **filters: Any) -> None:
        """Write numbers to a file, of any length. filters: task_id and those of `numbers`.

        An answer that is cut is gone on with, after the last whole line.
        """
        if isinstance(out, str | Path):
            with Path(out).open("wb") as file:  # noqa: ASYNC230  a local file, written in small parts
                await self._export(file, format=format, **filters)
        else:
            await self._export(out, format=format, **filters)

    async def _export(self, out: BinaryIO, **parameters: Any) -> None:
        lines, attempt = Lines(), 0
        while True:
            request = get("/api/numbers/export", after=lines.last, **parameters).request(self._http)
            answer: httpx.Response | None = None
            try:
                answer = await self._http.send(request, stream=True)
                try:
                    if not answer.is_success:
                        await answer.aread()
                    async for part in checked(answer).aiter_bytes():
                        out.write(lines.take(part))
                        attempt = 0
                finally:
                    await answer.aclose()
                return
            except (httpx.TransportError, ApiError) as error:
                attempt += 1
                seconds = pause(attempt, answer if isinstance(error, ApiError) else None)
                if seconds is None:
                    raise
                lines.cut()
                await asyncio.sleep(seconds)

    async def watch(self, task_id: str) -> AsyncIterator[Task]:
        """The task as it moves, to its end. A connection that is cut is opened again, and misses nothing."""
        watching, attempt = Watching(task_id), 0
        gateway = (await self._call(get("/page/settings.json"))).json()["websocket_url"]
        url = f"{gateway}/ws/tasks/{user_of(self._token)}/"
        while True:
            try:
                async with connect(url) as socket:
                    for message in watching.first_messages(self._token):
                        await socket.send(message)
                    async for text in socket:
                        attempt = 0
                        if watching.take(text):
                            task = await self._answered(task_id)
                            yield task
                            if task.ended:
                                return
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                pass
            attempt += 1
            await asyncio.sleep(pause(min(attempt, 4), None) or 0)
            task = await self._answered(task_id)  # raises where nobody may watch it any more
            if task.ended:
                yield task
                return

    async def _answered(self, task_id: str) -> Task:
        """The task; a busy installation may know it a moment after its request is acknowledged."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self.task(task_id)
            except ApiError as error:
                seconds = pause(attempt, None)
                if error.code != "unknown_task" or seconds is None:
                    raise
            await asyncio.sleep(seconds)

    async def wait(self, task_id: str) -> Task:
        """The task, once it has ended."""
        async for task in self.watch(task_id):  # noqa: B007
            pass
        return task

    async def _pages(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        while True:
            page = (await self._call(call)).json()
            for row in page["results"]:
                yield row
            if page["next"] is None:
                return
            call = Call("GET", page["next"])

    async def _call(self, call: Call) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            answer: httpx.Response | None = None
            try:
                answer = await self._http.send(call.request(self._http))
            except httpx.TransportError:
                if pause(attempt, None) is None:
                    raise
            seconds = pause(attempt, answer)
            if seconds is None:
                assert answer is not None
                return checked(answer)
            await asyncio.sleep(seconds)
