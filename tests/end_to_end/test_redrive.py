"""What was lost on the way comes again with `numberline redrive`, and a cancel has its answers."""

import json

from confluent_kafka import Consumer, TopicPartition

from schemas.identity import task_id
from tests.fix_installation import PARTITIONS, Installation
from tests.processes import wait_until

LOST = ("task-events", "batches", "allocations", "numbers")
ROWS = "SELECT count(*), count(DISTINCT number) FROM phone_numbers WHERE task_id = %s"
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END';
CREATE TRIGGER slow AFTER INSERT ON batches FOR EACH STATEMENT EXECUTE FUNCTION slow()
"""
TASK = "SELECT status, succeeded FROM tasks WHERE task_id = %s"


def skip_everything(installation: Installation) -> None:
    """Move the group past all that it has not read, as after records that expired."""
    group = Consumer(
        {
            "bootstrap.servers": installation.settings.kafka_bootstrap_servers,
            "group.id": installation.settings.namespace,
        }
    )
    ends = []
    for topic in LOST:
        for number in range(PARTITIONS):
            partition = TopicPartition(f"{installation.settings.namespace}.{topic}", number)
            ends.append(TopicPartition(partition.topic, number, group.get_watermark_offsets(partition, 20)[1]))
    group.commit(offsets=ends, asynchronous=False)
    group.close()


def test_what_was_lost_of_a_task_comes_again_with_a_redrive(shared_installation: Installation) -> None:
    """All in flight is lost in the middle; redriven, the task ends with exactly its quantity."""
    body = shared_installation.request("lost", quantity=2_500, area_codes=["201"], batch_size=100)
    task = task_id("lost", body["request_id"])
    shared_installation.execute(SLOW)  # so that it is in the middle when its worker stops
    with shared_installation.worker("w1", NUMBERLINE_WINDOW="2") as worker:
        shared_installation.produce(json.dumps(body).encode())
        wait_until(lambda: shared_installation.rows(ROWS, task)[0][0] > 0, 60, "first rows")
        assert worker.stop() == 0
    shared_installation.execute("DROP FUNCTION slow CASCADE")
    assert shared_installation.rows(ROWS, task)[0][0] < 2_500
    skip_everything(shared_installation)
    with shared_installation.worker("w1"):
        wait_until(lambda: shared_installation.rows(TASK, task) != [], 60, "row of the task")
        assert shared_installation.rows(TASK, task)[0][0] == "running"
        done = shared_installation.run("redrive", task)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith(f"1 redriven\n{task} moves: ")
        wait_until(lambda: shared_installation.rows(TASK, task) == [("completed", 2_500)], 60, "end of the task")
        again = shared_installation.run("redrive", task)
        assert (again.returncode, again.stdout) == (
            0,
            f"{task} is completed: nothing of it is in flight\n0 redriven\n",
        )
    assert shared_installation.rows(ROWS, task) == [(2_500, 2_500)]
    assert [one for one in shared_installation.audited() if one[0] == "redrive"] == [("redrive", task, "done")]
    assert shared_installation.records("deadletters") == []


def test_a_redrive_needs_tasks_that_are_known(shared_installation: Installation) -> None:
    """Exit 2, before anything is sent."""
    done = shared_installation.run("redrive")
    assert done.returncode == 2
    assert "name tasks, or say --active for all that have not ended" in done.stderr
    done = shared_installation.run("redrive", "00000000-0000-0000-0000-000000000000")
    assert done.returncode == 2
    assert "no task 00000000-0000-0000-0000-000000000000 is known: `numberline tasks` lists them" in done.stderr


def test_another_users_task_cannot_be_cancelled(shared_installation: Installation) -> None:
    """It is unknown to whoever asks, and goes on to its end; its own user then hears that it has ended."""
    body = shared_installation.request("owner", quantity=1_000, area_codes=["202"], batch_size=100)
    task = task_id("owner", body["request_id"])
    with shared_installation.worker("w1"):
        shared_installation.produce(json.dumps(body).encode())
        cancel = {"type": "cancel", "user_id": "other", "request_id": "c1", "task_id": task}
        answer = shared_installation.ending(cancel)
        assert (answer["type"], answer["code"]) == ("error", "unknown_task")
        wait_until(lambda: shared_installation.rows(TASK, task) == [("completed", 1_000)], 60, "end of the task")
        answer = shared_installation.ending(cancel | {"user_id": "owner"})
        assert (answer["code"], answer["message"]) == ("task_ended", "the task is completed already")
