"""Keeps tasks running: over few area codes and over many, several at once, some sent twice, one of them broken."""

import asyncio
import json
import uuid
from collections.abc import Callable
from random import Random

import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chaos.errors import ChaosError
from chaos.history import History
from chaos.system import System
from schemas import topics
from schemas.identity import task_id
from schemas.requests import GenerateRequest, encode_request

USERS = ("chaos-1", "chaos-2", "chaos-3")
CONTESTED = ("201", "212", "305", "415", "512", "617", "702", "808")  # where tasks draw from the same numbers
AT_ONCE = 5
LARGE = 60_000  # numbers of a round's first task, so that the fault strikes while it runs
PACE_SECONDS = 0.15
POLL_SECONDS = 0.2

ENDED = "SELECT count(*) FROM task_states WHERE task_id = ANY(%s) AND status <> 'running'"


class Traffic:
    """The tasks of one round; all of them are entered in the history before they are sent."""

    def __init__(self, system: System, history: History, chance: Random) -> None:
        self._system, self._history, self._chance = system, history, chance
        self.tasks: list[str] = []
        self.numbers = 0
        self._enough = asyncio.Event()

    async def run(self) -> None:
        """Submit until told that it is enough: a large task, a broken request, then one after the other."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._system.settings.kafka_bootstrap_servers, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            await self._submit(producer, self._large())
            await self._send(producer, USERS[0], self._broken())
            while not self._enough.is_set():
                if await asyncio.to_thread(self.running) < AT_ONCE:
                    await self._submit(producer, self._some())
                await asyncio.sleep(PACE_SECONDS)
        finally:
            await producer.stop()

    def enough(self) -> None:
        """Submit no more."""
        self._enough.set()

    def running(self) -> int:
        """Tasks that have not ended; all of them while PostgreSQL does not answer."""
        try:
            with psycopg.connect(self._system.database_url, connect_timeout=2) as connection:
                row = connection.execute(ENDED, (self.tasks,)).fetchone()
        except psycopg.Error:
            return len(self.tasks)
        return len(self.tasks) - (row[0] if row else 0)

    async def ended(self, seconds: float, show: Callable[[int], None]) -> None:
        """Return when all tasks have ended.  Raises ChaosError. show: is told how many still run."""
        deadline = asyncio.get_running_loop().time() + seconds
        while running := await asyncio.to_thread(self.running):
            show(running)
            if asyncio.get_running_loop().time() > deadline:
                raise ChaosError(f"{running} of {len(self.tasks)} tasks still run {seconds:g} s after the fault")
            await asyncio.sleep(POLL_SECONDS)

    def _large(self) -> GenerateRequest:
        return self._request(LARGE, tuple(sorted(self._chance.sample(CONTESTED, 4))), 1000)

    def _some(self) -> GenerateRequest:
        if self._chance.random() < 0.5:
            codes = tuple(sorted(self._chance.sample(CONTESTED, self._chance.randint(1, 2))))
            return self._request(self._chance.randint(500, 5_000), codes, 500)
        return self._request(self._chance.randint(100, 3_000), (), 100)

    def _request(self, quantity: int, area_codes: tuple[str, ...], batch_size: int) -> GenerateRequest:
        return GenerateRequest(
            request_id=str(uuid.UUID(int=self._chance.getrandbits(128))),
            user_id=self._chance.choice(USERS),
            quantity=quantity,
            area_codes=area_codes,
            batch_size=batch_size,
            auto_validate=self._chance.random() < 0.5,
        )

    def _broken(self) -> bytes:
        request_id = str(uuid.UUID(int=self._chance.getrandbits(128)))
        body = {"type": "generate", "request_id": request_id, "user_id": USERS[0], "quantity": 0}
        value = json.dumps(body).encode()
        self._history.broken.add(value)
        return value

    async def _submit(self, producer: AIOKafkaProducer, request: GenerateRequest) -> None:
        task = task_id(request.user_id, request.request_id)
        self.tasks.append(task)
        self.numbers += request.quantity
        self._history.asked[task] = request.quantity
        value = encode_request(request)
        for _ in range(2 if self._chance.random() < 0.2 else 1):
            await self._send(producer, request.user_id, value)

    async def _send(self, producer: AIOKafkaProducer, user_id: str, value: bytes) -> None:
        """Until the broker has it: a request that is sent twice is one task."""
        topic = topics.topic_name(self._system.settings.namespace, topics.REQUESTS)
        while True:
            try:
                await producer.send_and_wait(topic, value, user_id.encode())
            except KafkaError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
