"""Finds old facts in the changelogs, and sends the commands by which workers put them together or let them go."""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import AIOKafkaProducer

from agents.compact import OLD_TASKS
from numberline.database import database, installed_partitions
from numberline.kafka import kafka_producer
from numberline.ledger import read_table
from numberline.records import read_to_end
from pipeline.compact import FEWEST_FACTS, TASK_AGE, compactions, drawn_for, forgotten, tasks_of
from pipeline.ledger import by_area_code
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import Compact, TaskForgotten
from schemas.partitions import partition_for

Each = Callable[[int], None]


@dataclass(frozen=True)
class Found:
    """Commands to be sent. facts: how many the ledger has."""

    facts: int
    compactions: tuple[Compact, ...]
    forgotten: tuple[TaskForgotten, ...]

    @property
    def tasks(self) -> int:
        """How many tasks are let go; one with many refusals by several commands."""
        return len({(command.user_id, command.task_id) for command in self.forgotten})


async def find(settings: Settings, ledger_age: timedelta, each: Each, fewest: int = FEWEST_FACTS) -> Found:
    """What is old enough by now, as workers judge it. each: told of the partitions read.  Raises NotReachable."""
    now = time.time()
    partitions = installed_partitions(settings)
    lists: list[TaskForgotten] = []
    facts: dict[str, list[str]] = {}
    for partition in range(partitions):
        tasks = tasks_of(await read_table(settings, "tasks", partition))
        lists += forgotten(tasks, int((now - TASK_AGE.total_seconds()) * 1000))
        each(1)
        for area_code, names in (await _names(settings, partition)).items():
            facts.setdefault(area_code, []).extend(names)
        each(1)
    drawn = drawn_for(name for names in facts.values() for name in names)
    with database(settings) as connection:
        rows = connection.execute(OLD_TASKS, (list(drawn), now - ledger_age.total_seconds())).fetchall()
    old, name = {task for (task,) in rows}, uuid.uuid4().hex
    puts = [
        command
        for area_code, names in sorted(facts.items())
        for command in compactions(area_code, names, old, name, fewest)
    ]
    return Found(sum(map(len, facts.values())), tuple(puts), tuple(lists))


async def send(settings: Settings, found: Found, each: Each) -> None:
    """Send the commands, each after the one before it. each: told of every one.  Raises NotReachable."""
    partitions = installed_partitions(settings)
    async with kafka_producer(settings) as producer:
        keyed: Iterable[tuple[topics.Topic, str, Compact | TaskForgotten]] = (
            *((topics.BATCHES, command.area_code, command) for command in found.compactions),
            *((topics.TASK_EVENTS, command.user_id, command) for command in found.forgotten),
        )
        for topic, key, command in keyed:
            await _send(settings, producer, topic, key, partitions, command)
            each(1)


async def _send(
    settings: Settings,
    producer: AIOKafkaProducer,
    topic: topics.Topic,
    key: str,
    partitions: int,
    command: Compact | TaskForgotten,
) -> None:
    name = topics.topic_name(settings.namespace, topic)
    partition = partition_for(key, partitions)
    await producer.send_and_wait(name, codec.encode(command), key.encode(), partition=partition)


async def _names(settings: Settings, partition: int) -> dict[str, list[str]]:
    """Area code -> the names of its facts in a partition of the ledger, without what they hold."""
    keys: set[bytes] = set()
    async for record in read_to_end(settings, topics.changelog_name(settings.namespace, "ledger"), partition):
        if record.value is None:
            keys.discard(record.key)
        else:
            keys.add(record.key)
    named = by_area_code(dict.fromkeys(keys, b""))
    return {code: [key.decode().partition("|")[2] for key in sorted(facts)] for code, facts in named.items()}
