"""The command line against a running installation, and its errors where there is none."""

import csv
import json
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from numberline.cli import cli
from pipeline.settings import Settings, variable
from pipeline.tokens import TokenRules, verify
from tests.fix_installation import Installation
from tests.processes import Process

COMMANDS = tuple(cli.commands)
NOWHERE = {"NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "NUMBERLINE_GATEWAY_PORT": "1"}


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("commands") as process:
        yield process


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("format_", ["csv", "ndjson", "txt"])
def test_generate_writes_a_file_of_exactly_the_numbers_asked_for(
    installation: Installation, tmp_path: Path, format_: str
) -> None:
    """Exit 0, as many distinct numbers as asked for, in the format that the file's ending names."""
    out = tmp_path / f"numbers.{format_}"
    done = installation.run("generate", "-n", "2500", "-a", "812", "--user", "cli", "--out", str(out))
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    if format_ == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        numbers = [row["number"] for row in rows]
        assert set(rows[0]) >= {"carrier", "state", "line_type", "timezone"}
    elif format_ == "ndjson":
        numbers = [json.loads(line)["number"] for line in text.splitlines()]
    else:
        numbers = text.splitlines()
    assert len(set(numbers)) == len(numbers) == 2500
    assert all(re.fullmatch(r"\+1812[2-9]\d{6}", number) for number in numbers)


@pytest.mark.usefixtures("worker")
def test_generate_can_write_to_standard_output(installation: Installation) -> None:
    """Numbers alone on standard output; what is for the eye on standard error."""
    done = installation.run(
        "generate", "-n", "30", "--state", "TX", "--fictional", "--user", "cli", "-o", "-", "--format", "txt"
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 30
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", line) for line in done.stdout.split())


@pytest.mark.usefixtures("worker")
def test_a_task_is_listed_by_the_name_that_its_user_gave_it(installation: Installation) -> None:
    """Whatever that is: the list is of all users."""
    name = "[/x] :b:"
    done = installation.run("generate", "-n", "1", "-a", "812", "--user", "odd", "--name", name)
    assert done.returncode == 0, done.stderr
    done = installation.run("tasks", "--user", "odd")
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


@pytest.mark.usefixtures("worker")
def test_a_refused_generation_says_each_broken_field(installation: Installation) -> None:
    """Exit 1, and the rule on standard error; a wrong option is exit 2 before anything is sent."""
    done = installation.run("generate", "-n", "10", "-a", "999", "--user", "cli")
    assert done.returncode == 1
    assert "area_codes: 999 is not an area code in use" in done.stderr
    done = installation.run("generate", "-n", "0", "--batch-size", "1", "--user", "cli")
    assert done.returncode == 2
    assert "quantity must be a whole number from 1 to 1000000; got 0" in done.stderr
    assert "batch_size must be a whole number from 100 to 10000; got 1" in done.stderr


@pytest.mark.usefixtures("worker")
def test_the_same_request_id_again_is_the_same_task(installation: Installation, tmp_path: Path) -> None:
    """Sent again after its end, it is not run again: the same numbers are written."""
    files = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for out in files:
        done = installation.run(
            "generate", "-n", "50", "-a", "802", "--user", "cli", "--request-id", "again", "-o", str(out)
        )
        assert done.returncode == 0, done.stderr
    assert sorted(files[0].read_text().split()) == sorted(files[1].read_text().split())


@pytest.mark.usefixtures("worker")
def test_tasks_lists_and_cancel_ends_them(installation: Installation) -> None:
    """A task as JSON; cancelling what has ended says so, exit 1; an unknown id is exit 2."""
    assert installation.run("generate", "-n", "10", "-a", "802", "--user", "lister").returncode == 0
    listed = installation.run("tasks", "--user", "lister", "--json")
    (task,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (task["status"], task["succeeded"]) == ("completed", 10)
    assert "completed" in installation.run("tasks", "--user", "lister").stdout
    assert "no tasks" in installation.run("tasks", "--user", "lister", "--active").stdout
    ended = installation.run("cancel", task["task_id"])
    assert ended.returncode == 1
    assert "the task is completed already (task_ended)" in ended.stderr
    unknown = installation.run("cancel", "00000000-0000-0000-0000-000000000000")
    assert unknown.returncode == 2
    assert "no task 00000000-0000-0000-0000-000000000000 is known" in unknown.stderr


def test_generate_says_what_to_start_where_nothing_runs(installation: Installation) -> None:
    """Exit 1 with the command that starts everything, without a stack trace."""
    done = installation.run("generate", "-n", "10", "--user", "cli", **NOWHERE)
    assert done.returncode == 1
    assert "numberline up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("away", ["NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS", "NUMBERLINE_DATABASE_URL"])
@pytest.mark.parametrize("command", ["init", "ledger rebuild", "compact", "deadletters list", "redrive --active"])
def test_a_server_that_is_away_is_told_in_a_sentence(installation: Installation, command: str, away: str) -> None:
    """Exit 1 and the variable that names it, or what does not need it; never a stack trace."""
    nowhere = {
        "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "NUMBERLINE_DATABASE_URL": "postgresql://127.0.0.1:1/",
    }
    done = installation.run(*command.split(), **{away: nowhere[away]})
    assert "Traceback" not in done.stderr
    if done.returncode:
        assert done.returncode == 1
        assert "cannot be reached" in done.stderr
        assert away in done.stderr


def test_topics_that_are_not_there_are_told_in_a_sentence(installation: Installation) -> None:
    """As in a namespace that `numberline init` has not been run for."""
    done = installation.run("redrive", "--active", NUMBERLINE_NAMESPACE="nobody")
    assert done.returncode == 1
    assert "a topic of nobody (NUMBERLINE_NAMESPACE) cannot be reached: it is not there" in done.stderr
    assert "Run `numberline init`." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_is_its_users(installation: Installation) -> None:
    """What `token` prints opens the gateway for that user."""
    rules = TokenRules.of(installation.settings)
    own = verify(rules, installation.run("token", "demo").stdout.strip(), time.time())
    assert (own.user_id, own.operator) == ("demo", False)
    others = verify(rules, installation.run("token", "op", "--operator").stdout.strip(), time.time())
    assert (others.user_id, others.operator) == ("op", True)
    assert installation.run("token", "not a user").returncode == 2


def test_a_wrong_setting_names_its_variable(installation: Installation) -> None:
    """Exit 2, the variable, what it accepts; never a secret's value."""
    done = installation.run("worker", NUMBERLINE_GATEWAY_PORT="many", NUMBERLINE_AUTH_SECRET="hunter2")
    assert done.returncode == 2
    assert "NUMBERLINE_GATEWAY_PORT must be the WebSocket gateway's port, 0 to 65535" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_every_command_has_help(installation: Installation) -> None:
    """`--help` says what it does, by itself: a process each, as many at once as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        helps = dict(
            zip(COMMANDS, pool.map(lambda command: installation.run(command, "--help"), COMMANDS), strict=True)
        )
    for command, done in helps.items():
        assert done.returncode == 0, done.stderr
        assert f"Usage: python -m numberline {command}" in done.stdout


def test_settings_lists_every_variable(installation: Installation) -> None:
    """The table of the code, whole."""
    listed = installation.run("settings").stdout
    assert all(variable(name) in listed for name in Settings.model_fields)


def test_init_is_safe_to_repeat(installation: Installation) -> None:
    """Nothing is made a second time."""
    before = installation.rows("SELECT count(*), max(version) FROM prefixes")
    done = installation.run("init")
    assert (done.returncode, "topics are there" in done.stdout) == (0, True)
    assert installation.rows("SELECT count(*), max(version) FROM prefixes") == before
