"""The progress topic, as `init` creates it and coordinate writes it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import codec, topics
from schemas.events import RequestRejected, TaskProgress
from schemas.partitions import partition_for

PARTITIONS = 3
DEADLINE_SECONDS = 30


@dataclass
class ProgressTopic:
    """The topic of an installation of its own on a broker. database_url: of a server that its gateways may ask."""

    servers: str
    database_url: str
    namespace: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")

    @property
    def name(self) -> str:
        """Its full name."""
        return topics.topic_name(self.namespace, topics.PROGRESS)

    def create(self) -> None:
        """Create it."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.create_topics([NewTopic(self.name, PARTITIONS, 1)])[self.name].result(DEADLINE_SECONDS)

    def delete(self) -> None:
        """Delete it, with all that is in it."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        admin.delete_topics([self.name])[self.name].result(DEADLINE_SECONDS)

    def forget(self, partition: int, before: int) -> None:
        """Delete a partition's records before an offset, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        where = TopicPartition(self.name, partition, before)
        (done,) = admin.delete_records([where]).values()
        done.result(DEADLINE_SECONDS)

    def records(self) -> Iterator[Message]:
        """All that it holds, partition by partition, as a client that is none of ours reads it."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "none", "enable.partition.eof": True})
        consumer.assign([TopicPartition(self.name, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        ends = 0
        while ends < PARTITIONS:
            record = consumer.poll(DEADLINE_SECONDS)
            assert record is not None, f"{self.name} does not end"
            if record.error() is None:
                yield record
            else:
                assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
                ends += 1
        consumer.close()

    def write(self, *events: TaskProgress | RequestRejected | bytes) -> None:
        """Write events where their user's belong, other bytes to partition 0; return once all are durable."""
        producer = Producer({"bootstrap.servers": self.servers, "acks": "all"})
        for event in events:
            if isinstance(event, bytes):
                producer.produce(self.name, event, partition=0)
            else:
                partition = partition_for(event.user_id, PARTITIONS)
                producer.produce(self.name, codec.encode(event), event.user_id.encode(), partition)
        assert producer.flush(DEADLINE_SECONDS) == 0
