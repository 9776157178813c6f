"""The table of topics, the partition of a key, the identity of a task."""

import uuid
from datetime import timedelta

import pytest

from schemas import events, topics
from schemas.identity import NAMESPACE, record_task_id, task_id
from schemas.partitions import partition_for

DAYS_KEPT = {
    "requests": 7,
    "task-events": 7,
    "batches": 14,
    "allocations": 3,
    "numbers": 3,
    "progress": 7,
    "prefixes": None,
    "deadletters": 30,
}


def test_topics_are_kept_as_long_as_the_design_says() -> None:
    """Days; without a figure compacted, for good."""
    kept = {topic.name: topic.retention and topic.retention.days for topic in topics.TOPICS}
    assert {name: kept[name] for name in DAYS_KEPT} == DAYS_KEPT


def test_no_position_is_forgotten_before_its_topic() -> None:
    """Consumer offsets outlive every record, or a group that slept would begin anew."""
    kept = [topic.retention for topic in topics.TOPICS if topic.retention]
    assert max(kept) < topics.OFFSETS_RETENTION
    assert timedelta(days=45) == topics.OFFSETS_RETENTION


def test_every_event_has_one_topic() -> None:
    """But for facts, which live in the table of tasks."""
    carried = [kind for topic in topics.TOPICS for kind in topic.values]
    assert len(carried) == len(set(carried))
    assert set(events.BY_NAME.values()) - set(carried) == {events.Fact}


@pytest.mark.parametrize(
    ("topic", "writer"),
    [
        (topics.BATCHES, "coordinate"),
        (topics.ALLOCATIONS, "allocate"),
        (topics.NUMBERS, "enrich"),
        (topics.PROGRESS, "coordinate"),
    ],
)
def test_batches_and_progress_have_one_writer(topic: topics.Topic, writer: str) -> None:
    """Who writes is part of the delivery contract: coordinate alone speaks of a task's state."""
    assert topic.writer.split(", ")[0] == writer
    assert topic.name == "batches" or topic.writer == writer


def test_names_are_distinct_and_bear_the_namespace() -> None:
    """Two installations may share a broker."""
    names = [topics.topic_name("a", topic) for topic in topics.TOPICS]
    assert len(names) == len(set(names))
    assert topics.topic_name("acme", topics.TASK_EVENTS) == "acme.task-events"
    assert topics.changelog_name("acme", "ledger") == "acme-ledger-changelog"


def test_requests_and_task_events_bear_the_brokers_time() -> None:
    """A user's clock decides neither a token's validity nor a task's times."""
    stamped = {topic.name for topic in topics.TOPICS if topic.log_append_time}
    assert stamped == {"requests", "task-events"}


def test_settings_of_a_topic_are_as_the_broker_takes_them() -> None:
    """Deletion after a time, or compaction."""
    assert topics.BATCHES.config() == {
        "cleanup.policy": "delete",
        "retention.ms": "1209600000",
        "max.message.bytes": "10485760",
        "message.timestamp.type": "CreateTime",
    }
    assert topics.PREFIXES.config()["cleanup.policy"] == "compact"
    assert "retention.ms" not in topics.PREFIXES.config()


def test_dead_letters_hold_every_record_and_its_headers() -> None:
    """A record that cannot be processed must not be too big to be set aside either."""
    others = [topic.max_message_bytes for topic in topics.TOPICS if topic is not topics.DEADLETTERS]
    assert topics.DEADLETTERS.max_message_bytes >= max(others) + topics.MEBIBYTE


@pytest.mark.parametrize(
    ("key", "hash_value"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_partitions_are_those_of_the_java_client(key: str, hash_value: int) -> None:
    """Known values of murmur2 from Kafka's own UtilsTest."""
    for partitions in (1, 2, 8, 97):
        assert partition_for(key, partitions) == (hash_value & 0x7FFFFFFF) % partitions


def test_a_task_id_can_be_computed_by_a_producer() -> None:
    """The formula of the contract, and one value of it."""
    user = uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_OID, "numberline"), "demo")
    assert task_id("demo", "first") == str(uuid.uuid5(user, "first"))
    assert task_id("demo", "first") == "d383e3ed-6d77-5603-b92f-8e99991ba167"
    assert task_id("demo", "second") != task_id("demo", "first") != task_id("other", "first")


def test_the_place_of_a_record_is_an_id_of_its_own() -> None:
    """A request without a readable request_id is refused under its topic, partition and offset."""
    assert record_task_id("numberline.requests", 3, 7) == str(uuid.uuid5(NAMESPACE, "numberline.requests/3/7"))
    assert record_task_id("numberline.requests", 3, 8) != record_task_id("numberline.requests", 3, 7)
