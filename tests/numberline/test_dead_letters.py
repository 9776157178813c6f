"""`numberline deadletters` on a real broker: found, shown, sent again, put aside; and the worker's limit."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from numberline.cli.dead_letters import Moment
from schemas.identity import task_id
from tests.fix_installation import Installation
from tests.processes import Process, wait_until

USER = "dora"
BROKEN = {"type": "generate", "request_id": "broken", "user_id": USER, "quantity": 0}
BATCH = [("user", USER.encode()), ("task", b"1b4e28ba-2fa1-51d2-883f-0016d3cca427"), ("batch", b"7")]


def letters(installation: Installation, *options: str) -> list[dict[str, Any]]:
    """What `list` says, as JSON."""
    done = installation.run("deadletters", "list", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def installation(shared_installation: Installation) -> Installation:
    """One for this module, so that its letters are nobody else's."""
    return shared_installation


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker, and one letter of each of three kinds."""
    with installation.worker("dead-letters") as process:
        assert installation.ending(BROKEN)["type"] == "task_failed"
        installation.produce(b"{not json", mark=b"dora")
        installation.produce_on("numbers", b"\x00no event", BATCH)
        wait_until(lambda: letters(installation, "--task", BATCH[1][1].decode()), 30, "letter of the batch")
        yield process


@pytest.mark.usefixtures("worker")
def test_letters_are_chosen_by_task_reason_step_and_time(installation: Installation) -> None:
    """Each option leaves what it names, all together what fits all."""
    (mine,) = letters(installation, "--task", task_id(USER, "broken"))
    assert (mine["reason"], mine["stage"], mine["settled"]) == ("invalid_request", "intake", None)
    assert mine["message"] == "quantity: must be a whole number from 1 to 1000000; got 0"
    assert mine["letter"].startswith("requests/")
    (batch,) = letters(installation, "--reason", "Unreadable", "--stage", "store", "--since", "1h")
    assert batch["task_id"] == BATCH[1][1].decode()
    assert letters(installation, "--until", "1h") == []
    assert letters(installation, "--since", mine["came"], "--until", mine["came"]) == []
    shown = installation.run("deadletters", "list", "--task", task_id(USER, "broken"))
    assert mine["letter"] in shown.stdout
    assert "1 of step intake: invalid_request" in shown.stderr


@pytest.mark.usefixtures("worker")
def test_a_letter_is_shown_whole(installation: Installation) -> None:
    """Cause, headers and value for the eye; the value alone byte by byte."""
    (batch,) = letters(installation, "--task", BATCH[1][1].decode(), "--stage", "store")
    shown = installation.run("deadletters", "show", batch["letter"])
    assert shown.returncode == 0, shown.stderr
    for text in ("header batch: b'7'", "Unreadable: not Avro in single-object encoding", "Traceback", "reason:"):
        assert text in shown.stdout
    raw = installation.run("deadletters", "show", batch["letter"], "--raw")
    assert raw.stdout == "\x00no event"
    missing = installation.run("deadletters", "show", "requests/0/999999")
    assert (missing.returncode, "no such dead letter: requests/0/999999" in missing.stderr) == (2, True)


@pytest.mark.usefixtures("worker")
def test_a_batch_whose_task_was_told_is_not_sent_again(installation: Installation) -> None:
    """Exit 1 and the reason; it stays listed until it is discarded."""
    (batch,) = letters(installation, "--task", BATCH[1][1].decode(), "--stage", "store")
    done = installation.run("deadletters", "replay", batch["letter"], "--yes")
    assert done.returncode == 1
    assert f"{batch['letter']} stays: task {batch['task_id']} was told that its batch 7 failed" in done.stderr
    assert "nothing was sent again" in done.stdout
    assert [one["letter"] for one in letters(installation, "--stage", "store")] == [batch["letter"]]

    done = installation.run("deadletters", "discard", batch["letter"], "--yes")
    assert (done.returncode, done.stdout) == (0, "1 discarded\n")
    assert letters(installation, "--stage", "store") == []
    assert ("discard dead letters", batch["letter"], "done") in installation.audited()
    (kept,) = letters(installation, "--stage", "store", "--all")
    assert (kept["letter"], kept["settled"]) == (batch["letter"], "discarded")


@pytest.mark.usefixtures("worker")
def test_a_request_is_sent_again_as_it_was(installation: Installation) -> None:
    """Nothing has been mended, so it comes back: a new letter with the same value, headers and cause."""
    (first,) = [one for one in letters(installation, "--reason", "unreadable_request") if not one["task_id"]][-1:]
    dry = installation.run("deadletters", "replay", first["letter"], "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "nothing was sent again\n")
    done = installation.run("deadletters", "replay", first["letter"], "--yes")
    assert (done.returncode, done.stdout) == (0, "1 sent again\n")
    assert [one for one in installation.audited() if one[0] == "replay dead letters"] == [
        ("replay dead letters", first["letter"], "done")
    ]

    def came_back() -> list[dict[str, Any]]:
        return letters(installation, "--reason", "unreadable_request", "--since", first["came"])

    wait_until(lambda: came_back() and came_back()[-1]["letter"] != first["letter"], 30, "second letter")
    again = came_back()[-1]
    assert again["letter"].rpartition("/")[0] == first["letter"].rpartition("/")[0]
    shown = installation.run("deadletters", "show", again["letter"]).stdout
    assert "header mark: b'dora'" in shown
    assert shown.endswith("value:\n{not json\n")


def test_letters_must_be_chosen_by_something(installation: Installation) -> None:
    """Exit 2: all of them at once is never meant by saying nothing."""
    for command in ("replay", "discard"):
        done = installation.run("deadletters", command, "--yes")
        assert done.returncode == 2
        assert "name letters, or choose them by --reason, --stage, --task, --since or --until" in done.stderr
    done = installation.run("deadletters", "list", "--since", "yesterday")
    assert "'yesterday' is neither like 30m, 2h or 7d (ago) nor like 2026-09-30T12:00:00Z" in done.stderr
    done = installation.run("deadletters", "show", "17")
    assert "'17' is not like requests/0/17, as `numberline deadletters list` has it" in done.stderr


def test_an_unsigned_request_is_sent_again_by_the_operators_authority_alone(
    small_installation: Installation,
) -> None:
    """It stays unless the reason is named; then it runs as its user's, signed by the operator."""
    required = {"NUMBERLINE_AUTH_REQUESTS": "required"}
    body = {"type": "generate", "request_id": "unsigned", "user_id": USER, "quantity": 5, "area_code": "201"}
    with small_installation.worker("w1", **required):
        small_installation.produce(json.dumps(body).encode())
        wait_until(lambda: letters(small_installation), 30, "letter")
        (letter,) = letters(small_installation)
        assert (letter["reason"], letter["task_id"]) == ("NotAuthenticated", task_id(USER, "unsigned"))
        done = small_installation.run("deadletters", "replay", letter["letter"], "--yes", **required)
        assert done.returncode == 1
        assert "nobody has proved who sent it" in done.stderr
        done = small_installation.run("deadletters", "replay", "--reason", "NotAuthenticated", "--yes", **required)
        assert (done.returncode, done.stdout) == (0, "1 sent again\n")
        query = "SELECT status, succeeded FROM tasks WHERE task_id = %s"
        wait_until(
            lambda: small_installation.rows(query, task_id(USER, "unsigned")) == [("completed", 5)], 30, "task"
        )
        assert letters(small_installation) == []
        (settled,) = letters(small_installation, "--all")
        assert settled["settled"] == "replayed"


def test_a_worker_stops_rather_than_drain_a_topic_into_the_dead_letters(small_installation: Installation) -> None:
    """Status 2 and one clear line; what it had not sent there yet is still to be read by a better program."""
    with small_installation.process("worker", "w1", NUMBERLINE_DEAD_LETTER_LIMIT="3") as worker:
        for number in range(10):
            small_installation.produce_on("task-events", b"bad %d" % number, [], partition=1)
        assert worker.wait() == 2
        log = worker.log.read_text()
    assert (
        "more than 3 records within 60 s could not be processed, the last by the step coordinate: "
        "not Avro in single-object encoding: it must begin with C3 01 and a fingerprint\n"
        f"The one that was not sent to the dead letters any more is {small_installation.settings.namespace}"
        ".task-events, partition 1, offset 3."
    ) in log
    assert len(small_installation.records("deadletters")) == 3
    with small_installation.worker("w1") as worker:
        wait_until(lambda: len(small_installation.records("deadletters")) >= 10, 30, "letter of each")
        worker.stop(signal.SIGTERM)
    values = [record.value() for record in small_installation.records("deadletters")]
    assert sorted(set(values)) == sorted(b"bad %d" % number for number in range(10))


@pytest.mark.parametrize("long_ago", ["60000d", "9" * 400 + "d", "0001-01-01", "1969-12-31T23:59:59Z"])
def test_a_time_before_all_letters_is_the_beginning(long_ago: str) -> None:
    """No broker takes one before 1970: `--since` ended with a stack trace."""
    assert Moment().convert(long_ago, None, None) == 0
