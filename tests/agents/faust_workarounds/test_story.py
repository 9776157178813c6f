"""The story of two workers on a real broker, one with Faust's own code."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embedded import Kafka
from numberline.setup.topics import create_topics
from tests.agents.faust_workarounds.story import WORKAROUNDS, Story, Teller, tell


@pytest.fixture(scope="module")
def stories(kafka_server: Kafka, tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Story]:
    """What happened to a worker with Faust's own code, and to one with the workarounds, told at once."""

    def told(name: str, without: frozenset[str]) -> Story:
        asyncio.run(create_topics(kafka_server.bootstrap_servers, name, 1, 1))
        directory: Path = tmp_path_factory.mktemp(name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        return tell(Teller(kafka_server.bootstrap_servers, name, directory, without, port))

    with ThreadPoolExecutor() as pool:
        own = pool.submit(told, "story-own", WORKAROUNDS)
        ours = pool.submit(told, "story-ours", frozenset())
        return own.result(), ours.result()


def test_f2_a_commit_waits_for_the_changelog(stories: tuple[Story, Story]) -> None:
    """The broker refuses the record of a table: Faust commits the event all the same, we end with 1."""
    own, ours = stories
    assert own.refused_committed
    assert not ours.refused_committed
    assert ours.refused_exit == 1


def test_f4_a_record_whose_step_raised_comes_again(stories: tuple[Story, Story]) -> None:
    """The worker exits with 1, has committed nothing, and the next one processes the record."""
    _, ours = stories
    assert ours.dead_once == [1, 1, 1]
    assert ours.committed_after_death == ours.offset_of_death


def test_f6_a_successors_record_is_not_skipped(stories: tuple[Story, Story]) -> None:
    """It lies in the changelog between two of ours; after a restart Faust's table lacks it for good."""
    own, ours = stories
    assert own.keys == ["ours-1", "ours-2"]
    assert ours.keys == ["foreign", "ours-1", "ours-2"]


def test_f20_own_changelogs_are_paused_after_recovery(stories: tuple[Story, Story]) -> None:
    """Faust fetches what the worker itself wrote, and nobody drains it."""
    own, ours = stories
    assert own.look["undrained"] == ["story-own-tasks-changelog"]
    assert own.look["paused"] == []
    assert ours.look["undrained"] == []
    assert ours.look["paused"] == ["story-ours-tasks-changelog"]


def test_f18_the_consumer_has_no_thread(stories: tuple[Story, Story]) -> None:
    """Faust's has one, in which a loop of its own runs."""
    own, ours = stories
    assert own.look["threads"] == 1
    assert ours.look["threads"] == 0


def test_f7_a_worker_ends_when_records_are_gone(stories: tuple[Story, Story]) -> None:
    """aiokafka goes on with the earliest record that is left and tells nobody; we exit with 1 and a message."""
    own, ours = stories
    assert own.gone_reached
    assert own.gone_exit == 0
    assert not ours.gone_reached
    assert ours.gone_exit == 1
    message = "the position of a partition is out of the range that the broker keeps: records expired unread"
    assert message in ours.log
    assert message not in own.log


def test_raw_values_and_tombstones_reach_a_step(stories: tuple[Story, Story]) -> None:
    """And are committed once it is done with them."""
    _, ours = stories
    assert ours.raw_values == [b"\xff{".hex(), None]
    assert ours.raw_committed == 2


def test_a_worker_opens_no_port_of_fausts(stories: tuple[Story, Story]) -> None:
    """Faust's web server is on unless it is turned off, and its one port is the second worker's end."""
    own, ours = stories
    assert len(own.listening) == 1
    assert ours.listening == []
