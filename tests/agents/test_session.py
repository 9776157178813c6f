"""A worker's session is never shorter than the broker takes, and never longer than it must be."""

import logging

import pytest

from agents.session import with_session_of_the_broker
from embedded import Kafka
from pipeline.settings import Settings


async def test_a_session_that_the_broker_takes_is_left_as_it_is(kafka_server: Kafka) -> None:
    """The embedded broker takes one second and more."""
    settings = Settings(kafka_bootstrap_servers=kafka_server.bootstrap_servers, session_timeout_seconds=1)
    assert await with_session_of_the_broker(settings) == settings


async def test_a_session_that_the_broker_refuses_becomes_its_shortest(
    kafka_server: Kafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says so, and what it means."""
    monkeypatch.setattr("agents.session.SHORTEST", "group.max.session.timeout.ms")  # half an hour without a setting
    settings = Settings(kafka_bootstrap_servers=kafka_server.bootstrap_servers)
    with caplog.at_level(logging.WARNING):
        changed = await with_session_of_the_broker(settings)
    assert changed == settings.model_copy(update={"session_timeout_seconds": 1800.0})
    assert caplog.messages == [
        "NUMBERLINE_SESSION_TIMEOUT_SECONDS is 3, but the broker takes no session under 1800 s "
        "(group.max.session.timeout.ms): that is used, and what a killed worker had waits as long"
    ]
