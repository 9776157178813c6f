"""Submits generations to the measured system, times them, and keeps account of every number."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import MappingProxyType

import psycopg

from bench.errors import BenchError
from bench.results import Account
from numberline.cli.following import check_message
from numberline.client import ENDINGS, Client
from pipeline.settings import Settings
from schemas.identity import task_id
from schemas.requests import GenerateRequest

TASK_SECONDS = 1800.0  # then a run is given up, however slow the machine
NO_FILTERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})

STORED = """
SELECT task_id::text, count(*) FROM batches JOIN numbers USING (batch_id) WHERE task_id = ANY(%s) GROUP BY task_id
"""


@dataclass(frozen=True)
class Delivered:
    """One task that completed: numbers asked for and reported, seconds since before its request was produced."""

    task_id: str
    asked: int
    reported: int
    seconds: float


class Load:
    """All tasks of a run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._delivered: list[Delivered] = []

    def client(self, user_id: str) -> AbstractAsyncContextManager[Client]:
        """A user's connection to the broker and to the gateway."""
        return Client.connected(self._settings, user_id)

    async def one(
        self,
        client: Client,
        user_id: str,
        quantity: int,
        area_codes: Sequence[str],
        filters: Mapping[str, tuple[str, ...]] = NO_FILTERS,
    ) -> Delivered:
        """One task, from before its request is produced to `task_completed` on the WebSocket."""
        return (await self.all(client, user_id, [quantity], area_codes, filters=filters))[0]

    async def all(
        self,
        client: Client,
        user_id: str,
        quantities: Sequence[int],
        area_codes: Sequence[str] = (),
        on_end: Callable[[], None] = lambda: None,
        filters: Mapping[str, tuple[str, ...]] = NO_FILTERS,
    ) -> list[Delivered]:
        """Tasks that run at once, in the order in which they ended. area_codes: all of the country if empty.

        on_end: called at each end. filters: further fields of the requests.
        Raises TaskFailed, RequestRefused, NotReachable, BenchError.
        """
        running: dict[str, tuple[int, float]] = {}
        ended: list[Delivered] = []
        try:
            async with asyncio.timeout(TASK_SECONDS):
                for quantity in quantities:
                    fields = {"request_id": uuid.uuid4().hex, "user_id": user_id, "quantity": quantity}
                    request = GenerateRequest.model_validate({**fields, "area_codes": tuple(area_codes), **filters})
                    running[task_id(user_id, request.request_id)] = quantity, time.perf_counter()
                    await client.submit(request)
                while running:
                    message = await client.next_message()
                    if message is None or message["type"] not in (*ENDINGS, "error"):
                        continue
                    now = time.perf_counter()
                    check_message(message)
                    quantity, started = running.pop(message["task_id"])
                    reported = message["result_data"]["total_generated"]
                    ended.append(Delivered(message["task_id"], quantity, reported, now - started))
                    on_end()
        except TimeoutError:
            raise BenchError(f"{len(running)} tasks did not end within {TASK_SECONDS:g} s") from None
        self._delivered += ended
        return ended

    def count(self, delivered: Delivered) -> None:
        """A task that was submitted by other means, and has ended."""
        self._delivered.append(delivered)

    def settle(self) -> Account:
        """The account of the tasks since the last one, held against the rows that PostgreSQL has."""
        tasks, self._delivered = self._delivered, []
        with psycopg.connect(self._settings.database_url.get_secret_value()) as connection:
            rows = connection.execute(STORED, ([task.task_id for task in tasks],)).fetchall()
        stored: dict[str, int] = dict(rows)
        return Account(
            tasks=len(tasks),
            asked=sum(task.asked for task in tasks),
            reported=sum(task.reported for task in tasks),
            stored=sum(stored.values()),
            disagreeing=tuple(
                task.task_id for task in tasks if not task.asked == task.reported == stored.get(task.task_id, 0)
            ),
        )
