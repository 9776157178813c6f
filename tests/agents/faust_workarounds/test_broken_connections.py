"""F15: requests on a connection that is closed already."""

import asyncio
import subprocess
import sys

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from agents.faust_workarounds.broken_connections import f15_take_closed_for_broken
from embedded import Kafka


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is patched is as it was, afterwards."""
    monkeypatch.setattr(AIOKafkaConnection, "send", AIOKafkaConnection.send)


async def request_on_a_closed_transport(kafka: Kafka) -> AIOKafkaConnection:
    """The broker's connection is gone, and nobody has read so yet."""
    connection = await create_conn("127.0.0.1", kafka.port)
    connection._read_task.cancel()
    connection._writer.transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await connection.send(MetadataRequest([]))
    return connection


def run(kafka: Kafka) -> None:
    """On the loop that workers run on."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(request_on_a_closed_transport(kafka))


def test_f15_aiokafkas_own_code_takes_it_for_a_defect(kafka_server: Kafka, restored: None) -> None:
    """Which ends whatever task has sent it."""
    with pytest.raises(RuntimeError, match="the handler is closed"):
        run(kafka_server)


def test_f15_a_closed_transport_is_a_broken_connection(kafka_server: Kafka, restored: None) -> None:
    """Which every sender tries again."""
    f15_take_closed_for_broken()
    with pytest.raises(KafkaConnectionError, match="broken: unable to perform operation"):
        run(kafka_server)


FAILING_FETCHER = """
import asyncio, logging
from aiokafka.consumer.fetcher import Fetcher
from agents.faust_workarounds.broken_connections import f15_end_with_the_fetcher

async def fail(self): raise ValueError("unheard of")

logging.basicConfig()
Fetcher._fetch_requests_routine = fail
f15_end_with_the_fetcher()
asyncio.run(Fetcher._fetch_requests_routine(None))
"""


def test_f15_what_else_ends_a_fetcher_ends_the_worker() -> None:
    """With 1, so that it is started again; the log says why."""
    done = subprocess.run(
        [sys.executable, "-c", FAILING_FETCHER], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "a consumer reads no more: the worker ends and is to be restarted" in done.stderr
    assert "unheard of" in done.stderr
