"""What worker and gateway log: for people or as JSON, with the record that was at work, and no secret."""

import json
import logging
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from agents.records import Record
from embedded.ports import free_port
from numberline.logs import ConsoleLines, JsonLines
from pipeline import log_context
from pipeline.tokens import TokenRules, sign
from schemas import events, topics
from tests.agents.fakes import record_of
from tests.fix_installation import Installation
from tests.processes import wait_until

PASSWORD = "a-password-of-the-tests"
RECORD = Record("numberline.numbers", 3, 17, 0, None, None, (("task", b"t-1"), ("batch", b"4")))


@pytest.fixture
def at_work() -> Iterator[None]:
    """As within a step."""
    with log_context.at_work("store", RECORD):
        yield


def line(message: str = "it failed") -> logging.LogRecord:
    """One line of the log."""
    return logging.LogRecord("agents.store", logging.ERROR, "store.py", 1, message, (), None)


@pytest.mark.usefixtures("at_work")
def test_json_says_which_record_was_at_work() -> None:
    """Step, topic, partition, offset, task and batch."""
    said = json.loads(JsonLines().format(line()))
    assert said.pop("time").endswith("+00:00")
    assert said == {
        "level": "error",
        "logger": "agents.store",
        "message": "it failed",
        "step": "store",
        "topic": "numberline.numbers",
        "partition": 3,
        "offset": 17,
        "task": "t-1",
        "batch": "4",
    }


@pytest.mark.usefixtures("at_work")
def test_console_says_it_at_the_end_of_the_line() -> None:
    """For people."""
    about = "step=store topic=numberline.numbers partition=3 offset=17 task=t-1 batch=4"
    assert ConsoleLines().format(line()).endswith(f"ERROR    agents.store: it failed [{about}]")


def test_the_task_is_said_once_it_is_read() -> None:
    """A record of a task's events names it in its value alone; a message that is not sent yet has no place."""
    record = record_of(events.CancelRequested("t-2", "ann", "r-1"), topics.TASK_EVENTS)
    with log_context.at_work("coordinate", record):
        record.event(events.CancelRequested)
        assert log_context.fields()["task"] == "t-2"
    with log_context.at_work("submit", log_context.Unsent("numberline.requests")):
        log_context.know_task("t-3")
        assert log_context.fields() == {"step": "submit", "topic": "numberline.requests", "task": "t-3"}


def test_outside_of_steps_there_is_no_record() -> None:
    """Nor brackets."""
    assert ConsoleLines().format(line()).endswith("it failed")
    assert "topic" not in json.loads(JsonLines().format(line()))


def test_an_error_is_one_line_with_its_stack_trace() -> None:
    """However many lines it has."""
    record = line()
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record.exc_info = sys.exc_info()
    (only,) = JsonLines().format(record).splitlines()
    assert "Traceback" in json.loads(only)["error"]


def test_processes_log_json_with_their_records_and_no_secret(small_installation: Installation) -> None:
    """At debug, while a record and a call fail: each line of ours is an object; no password, secret or token."""
    made = small_installation
    url = made.settings.database_url.get_secret_value()
    verbose = {
        "NUMBERLINE_LOG_FORMAT": "json",
        "NUMBERLINE_LOG_LEVEL": "debug",
        "NUMBERLINE_DATABASE_URL": url.replace("postgres@", f"postgres:{PASSWORD}@"),
    }
    assert verbose["NUMBERLINE_DATABASE_URL"] != url
    http = free_port()
    ports = {"NUMBERLINE_HTTP_PORT": str(http), "NUMBERLINE_GATEWAY_PORT": str(free_port())}
    good = sign(TokenRules.of(made.settings), "ann", time.time())
    with made.worker(**verbose) as worker, made.process("gateway", "verbose", **ports, **verbose) as gateway:
        made.produce_on("numbers", b"no event", [("task", b"t-1"), ("authorization", b"Bearer a.secret.token")])
        wait_until(lambda: "cannot process" in worker.log.read_text(), 30, "line of the record")
        wait_until(lambda: _status(http, good) == 200, 30, "answer of the gateway")
        assert _status(http, "a.secret.token") == 401
    said = [json.loads(text) for text in worker.log.read_text().splitlines() if text.startswith("{")]
    (failed,) = [one for one in said if "cannot process" in one["message"]]
    assert failed["step"] == "store"
    assert failed["topic"] == f"{made.settings.namespace}.numbers"
    assert failed["task"] == "t-1"
    assert failed["offset"] == 0
    assert [text for text in gateway.log.read_text().splitlines() if json.loads(text)["level"] == "debug"]
    assert made.settings.auth_secret is not None
    secrets = [made.settings.auth_secret.get_secret_value(), "a.secret.token", good, PASSWORD]
    for process in (worker, gateway):
        assert not [one for one in secrets if one in process.log.read_text()]


def _status(port: int, token: str) -> int:
    url = f"http://127.0.0.1:{port}/api/tasks/"
    try:
        return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code
    except httpx.TransportError:  # not yet
        return 0
