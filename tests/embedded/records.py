"""Writing and reading records, as a user of the broker does."""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic


def create_topic(servers: str, topic: str) -> None:
    """Create a topic with as many partitions as the broker gives by default."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, -1, -1)])[topic].result(20)


def produce(servers: str, topic: str, values: list[bytes]) -> None:
    """Write records to partition 0, and return when the broker has acknowledged all."""
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(20) == 0


def consume(servers: str, topic: str, count: int) -> list[bytes]:
    """The values of the first `count` records of partition 0, fewer where they do not come within 20 s."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        messages = consumer.consume(count, timeout=20)
    finally:
        consumer.close()
    return [value for message in messages if (value := message.value()) is not None]
