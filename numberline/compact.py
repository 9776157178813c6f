"""Finds old facts in the changelogs, and sends the commands by which workers put them together or let them go."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import AIOKafkaProducer

from numberline.client import kafka_producer
from numberline.ledger import installed_partitions, read_table
from numberline.records import read_to_end
from pipeline.compact import FEWEST_FACTS, TASK_AGE, compactions, forgotten, tasks_of
from pipeline.settings import Settings
from schemas import codec, topics
from schemas.events import Compact, TaskForgotten
from schemas.partitions import partition_for

Each = Callable[[int], None]


@dataclass(frozen=True)
class Found:
    """Commands to be sent. facts: how many the ledger has, of draws and of suppressions."""

    facts: int
    compactions: tuple[Compact, ...]
    forgotten: tuple[TaskForgotten, ...]


async def find(settings: Settings, ledger_age: timedelta, each: Each, fewest: int = FEWEST_FACTS) -> Found:
    """What is old enough by now. each: told of the partitions read.  Raises NotReachable."""
    now = int(time.time() * 1000)
    partitions = installed_partitions(settings)
    running: set[str] = set()
    lists: list[TaskForgotten] = []
    puts: list[Compact] = []
    for partition in range(partitions):
        tasks = list(tasks_of(await read_table(settings, "tasks", partition)))
        running |= {task.task_id for task in tasks if task.running}
        lists += forgotten(tasks, now - _ms(TASK_AGE))
        each(1)
    facts = 0
    for partition in range(partitions):
        ages = await _ages(settings, partition)
        facts += len(ages)
        puts += compactions(ages, frozenset(running), now - _ms(ledger_age), str(now), fewest)
        each(1)
    return Found(facts, tuple(puts), tuple(lists))


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


async def _ages(settings: Settings, partition: int) -> dict[bytes, int]:
    """When each fact of a partition of the ledger was written last (ms), without what it holds."""
    found: dict[bytes, int] = {}
    async for record in read_to_end(settings, topics.changelog_name(settings.namespace, "ledger"), partition):
        if record.value is None:
            found.pop(record.key, None)
        else:
            found[record.key] = record.timestamp
    return found


def _ms(age: timedelta) -> int:
    return int(age.total_seconds() * 1000)
