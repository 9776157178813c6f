"""Reads what the topics and PostgreSQL hold, as a client that is none of the project's own."""

import uuid
from collections.abc import Iterator

import numpy as np
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from chaos.errors import ChaosError
from chaos.history import LEDGER, TASKS, Entry, History, StoredBatch, TaskRow
from pipeline.settings import Settings
from schemas import topics

READ = {
    **{topic.name: topic for topic in (topics.TASK_EVENTS, topics.BATCHES, topics.ALLOCATIONS, topics.NUMBERS)},
    **{topic.name: topic for topic in (topics.PROGRESS, topics.DEADLETTERS)},
}
SECONDS = 30.0

ROWS = """
SELECT task_id::text, batch_no, area_code::text, count, array_agg(number ORDER BY number)
FROM batches LEFT JOIN numbers USING (batch_id) GROUP BY task_id, batch_no, area_code, count
"""


class Reader:
    """Adds to a history what has come since it last looked; topics from where it left off, PostgreSQL anew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = {topics.topic_name(settings.namespace, topic): name for name, topic in READ.items()}
        self._names |= {
            topics.changelog_name(settings.namespace, table): name
            for table, name in (("ledger", LEDGER), ("tasks", TASKS))
        }
        self._positions = {
            (name, partition): OFFSET_BEGINNING for name in self._names for partition in range(settings.partitions)
        }

    def read(self, history: History) -> None:
        """Everything up to now.  Raises ChaosError where the broker does not answer."""
        for name, entry in self.new_entries():
            history.log.setdefault(name, []).append(entry)
        with psycopg.connect(self._settings.database_url.get_secret_value()) as connection:
            cursor = connection.cursor(binary=True)
            for task, batch, area_code, count, numbers in cursor.execute(ROWS):
                held = np.array([number for number in numbers if number is not None], np.int64)
                history.batches[task, batch] = StoredBatch(area_code, count, held)
            cursor.execute("SELECT task_id::text, status, succeeded FROM tasks")
            history.tasks = {task: TaskRow(status, succeeded) for task, status, succeeded in cursor}

    def new_entries(self) -> Iterator[tuple[str, Entry]]:
        """Topic and record of all that has come since it was last asked.  Raises ChaosError."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap_servers,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "fetch.message.max.bytes": 20_000_000,
            }
        )
        open_partitions = set(self._positions)
        try:
            consumer.assign([TopicPartition(*where, offset) for where, offset in self._positions.items()])
            while open_partitions:
                record = consumer.poll(SECONDS)
                if record is None:
                    raise ChaosError(f"{len(open_partitions)} partitions could not be read within {SECONDS:g} s")
                where = record.topic(), record.partition()
                if record.error() is None:
                    self._positions[where] = record.offset() + 1
                    yield (
                        self._names[record.topic()],
                        Entry(
                            record.partition(),
                            record.offset(),
                            record.key(),
                            record.value(),
                            _headers(record),
                        ),
                    )
                elif record.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(where)
                else:
                    raise ChaosError(f"{record.topic()} cannot be read: {record.error()}")
        finally:
            consumer.close()


def _headers(record: Message) -> tuple[tuple[str, bytes | None], ...]:
    """None where a name among them is no UTF-8, which this client cannot read: steps send no such name."""
    try:
        return tuple(record.headers() or ())
    except (UnicodeDecodeError, SystemError):  # the latter where the C code goes on after the former
        return ()
