"""What a gateway remembers of tasks."""

from datetime import timedelta

import pytest

from gateway import tasks
from gateway.tasks import DAY_MS, DAYS_KEPT, TaskMemory
from schemas import topics
from tests.gateway.events import OTHER_TASK, ended, progressed, started
from tests.samples import CREATED, TASK


def test_active_tasks_are_kept_by_user_in_their_newest_state() -> None:
    memory = TaskMemory()
    assert memory.take(started(), CREATED)
    assert memory.take(started(task_id=OTHER_TASK), CREATED)
    assert memory.take(progressed(2), CREATED)
    assert list(memory.active("ann")) == [progressed(2), started(task_id=OTHER_TASK)]
    assert list(memory.active("bob")) == []
    assert memory.find_active("ann", TASK) == progressed(2)
    assert memory.find_active("bob", TASK) is None
    assert memory.active_count == 2


def test_a_sequence_not_above_the_last_is_dropped() -> None:
    memory = TaskMemory()
    assert memory.take(progressed(3), CREATED)
    assert not memory.take(progressed(3), CREATED)
    assert not memory.take(progressed(2), CREATED)
    assert list(memory.active("ann")) == [progressed(3)]
    assert memory.active_count == 1


def test_a_zombies_late_message_does_not_revive_an_ended_task() -> None:
    memory = TaskMemory()
    memory.take(started(), CREATED)
    assert memory.take(ended(5, "completed"), CREATED)
    assert not memory.take(progressed(4), CREATED)
    assert not memory.take(ended(5, "completed"), CREATED)
    assert list(memory.active("ann")) == []
    assert memory.active_count == 0


def test_a_refused_request_may_be_corrected() -> None:
    memory = TaskMemory()
    assert memory.take(ended(1, "failed"), CREATED)
    assert memory.take(started(sequence=2), CREATED + 1)
    assert list(memory.active("ann")) == [started(sequence=2)]
    assert memory.take(ended(3, "completed"), CREATED + 2)
    assert not memory.take(progressed(3), CREATED + 3)


def test_sequences_of_ended_tasks_are_kept_as_long_as_the_topic_keeps_their_records() -> None:
    memory = TaskMemory()
    memory.take(ended(5, "completed"), CREATED)
    later = CREATED + (DAYS_KEPT - 1) * DAY_MS
    memory.take(ended(1, "failed", task_id=OTHER_TASK), later)
    assert not memory.take(progressed(4), later)
    memory.take(ended(2, "failed", task_id=OTHER_TASK), later + DAY_MS)
    assert memory.take(progressed(4), later + DAY_MS)


def test_the_task_that_has_not_moved_for_longest_is_known() -> None:
    """Of the active ones; without any there is none."""
    memory = TaskMemory()
    assert memory.oldest_update() is None
    memory.take(started(), CREATED)
    memory.take(started(task_id=OTHER_TASK, updated_at=CREATED + 9), CREATED)
    assert memory.oldest_update() == started().updated_at
    memory.take(ended(2, "completed"), CREATED)
    assert memory.oldest_update() == CREATED + 9
    memory.take(ended(2, "completed", task_id=OTHER_TASK), CREATED)
    assert memory.oldest_update() is None


def test_the_newest_state_is_known_to_its_user_alone() -> None:
    """Of active tasks, and of those that have just ended."""
    memory = TaskMemory()
    memory.take(started(), CREATED)
    memory.take(started(task_id=OTHER_TASK), CREATED)
    memory.take(ended(5, "completed"), CREATED)
    assert memory.newest("ann", TASK) == ended(5, "completed")
    assert memory.newest("ann", OTHER_TASK) == started(task_id=OTHER_TASK)
    assert memory.newest_of("ann") == [started(task_id=OTHER_TASK), ended(5, "completed")]
    assert memory.newest("bob", TASK) is None
    assert memory.newest("bob", OTHER_TASK) is None
    assert memory.newest_of("bob") == []


def test_only_the_last_ended_tasks_are_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of older ones the sequence, for longer than the topic keeps any record of them."""
    monkeypatch.setattr(tasks, "MOST_ENDED", 1)
    memory = TaskMemory()
    memory.take(ended(5, "completed"), CREATED)
    assert memory.newest("ann", TASK) is not None
    memory.take(ended(5, "completed", task_id=OTHER_TASK), CREATED)
    assert memory.newest_of("ann") == [ended(5, "completed", task_id=OTHER_TASK)]
    assert not memory.take(progressed(4), CREATED)
    assert topics.PROGRESS.retention is not None
    assert timedelta(days=DAYS_KEPT) > topics.PROGRESS.retention
