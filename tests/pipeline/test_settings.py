"""Settings: every wrong variable is named with what it accepts, and no secret is shown."""

import os
from pathlib import Path

import pytest

from pipeline.errors import SettingsInvalid
from pipeline.settings import Settings, load_settings, unknown_variables, variable


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without settings."""
    for name in list(os.environ):
        if name.startswith("NUMBERLINE_"):
            monkeypatch.delenv(name)


def problem(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """What is said about one wrong variable."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as error:
        load_settings()
    return str(error.value)


def test_an_empty_environment_is_enough() -> None:
    """Every setting has a default for one machine."""
    settings = load_settings()
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert (settings.gateway_port, settings.http_port, settings.metrics_port) == (6161, 6160, None)
    assert (settings.window, settings.partitions, settings.auth_requests) == (8, 4, "off")


def test_the_environment_and_arguments_are_the_only_sources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Arguments first; a file .env is not read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("NUMBERLINE_WINDOW=99\n")
    monkeypatch.setenv("NUMBERLINE_PARTITIONS", "16")
    assert load_settings().window == 8
    assert load_settings().partitions == 16
    assert load_settings(partitions=4).partitions == 4


@pytest.mark.parametrize(
    ("name", "value", "accepts"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "localhost", "the Kafka brokers, HOST:PORT and more after commas"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:1, b:2", "the Kafka brokers, HOST:PORT and more after commas"),
        ("NAMESPACE", "Über", "what topics, consumer groups and changelogs begin with: 1 to 40 of a-z 0-9 - ."),
        (
            "WORKER_ID",
            "a/b",
            "the worker's name, which its state directory bears: no two running workers may share it; "
            "1 to 100 of A-Z a-z 0-9 . _ -",
        ),
        ("HOST", "", "the address that gateway and metrics listen on; 0.0.0.0 for all"),
        ("GATEWAY_PORT", "65536", "the WebSocket gateway's port, 0 to 65535; 0 takes a free one"),
        ("HTTP_PORT", "-1", "the HTTP API's port, 0 to 65535; 0 takes a free one"),
        (
            "METRICS_PORT",
            "x",
            "the port of the Prometheus metrics, 0 to 65535; worker 9101 and gateway 9102 without",
        ),
        (
            "AUTH_REQUESTS",
            "yes",
            "whether a request on Kafka needs a signed authorization header: off or required",
        ),
        ("PARTITIONS", "0", "partitions of every topic, 1 to 1000; fixed when `numberline init` runs first"),
        ("REPLICATION_FACTOR", "10", "copies of every partition, 1 to 9; used by `numberline init`"),
        ("WINDOW", "1001", "batches of one task in flight at once, 1 to 1000"),
        ("STORE_CONNECTIONS", "33", "PostgreSQL connections that a worker stores rows by, 1 to 32"),
        (
            "DEADLINE_SECONDS",
            "nan",
            "how long a step waits for a broker or PostgreSQL before the worker ends, 1 to 600 s",
        ),
        (
            "SESSION_TIMEOUT_SECONDS",
            "0.5",
            "after how long without a heartbeat a worker's partitions move, 1 to 300 s",
        ),
        ("MAX_CONNECTIONS", "0", "WebSocket connections that a gateway holds, 1 to 1000000"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_it_accepts(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, accepts: str
) -> None:
    """One line a variable."""
    variable_name = f"NUMBERLINE_{name}"
    assert problem(monkeypatch, variable_name, value) == f"{variable_name} must be {accepts}; got {value!r}"


def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the error nor in a printed table of settings."""
    text = problem(monkeypatch, "NUMBERLINE_AUTH_SECRET", "hunter2")
    assert text == (
        "NUMBERLINE_AUTH_SECRET must be the secret that signs tokens (HS256), at least 32 characters; "
        "its value is not shown"
    )
    monkeypatch.setenv("NUMBERLINE_AUTH_SECRET", "hunter2" * 10)
    monkeypatch.setenv("NUMBERLINE_DATABASE_URL", "postgresql://user:hunter2@host/name")
    assert "hunter2" not in repr(load_settings())


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person corrects them in one go."""
    monkeypatch.setenv("NUMBERLINE_WINDOW", "0")
    monkeypatch.setenv("NUMBERLINE_LOG_LEVEL", "loud")
    monkeypatch.setenv("NUMBERLINE_WINDWO", "4")
    with pytest.raises(SettingsInvalid) as error:
        load_settings()
    assert [*error.value.problems] == ["NUMBERLINE_WINDOW", "NUMBERLINE_LOG_LEVEL", "NUMBERLINE_WINDWO"]


def test_a_variable_that_is_no_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt one would silently be without effect."""
    text = problem(monkeypatch, "NUMBERLINE_WINDWO", "4")
    assert text == "NUMBERLINE_WINDWO is not a setting; `numberline settings` lists them"
    assert unknown_variables({"PATH": "", "NUMBERLINE_WINDOW": "1"}) == {}


def test_every_setting_says_what_it_accepts() -> None:
    """In the one table that the documentation is made of."""
    assert all(field.description for field in Settings.model_fields.values())
    assert variable("gateway_port") == "NUMBERLINE_GATEWAY_PORT"
