"""What becomes of an event: whether it is acked whose step raises (F4), raw values and tombstones."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import faust
import pytest
from faust.exceptions import ValueDecodeError
from faust.types.tuples import ConsumerMessage

from agents.delivery import Delivery
from agents.records import Record
from agents.registration import register
from pipeline.metrics import WorkerMetrics
from schemas import topics
from tests.agents.faust_workarounds.fakes import EVENTS, FakeConsumer, fake_app, unused
from tests.agents.faust_workarounds.originals import faust_with

NO_PRODUCER: Any = None


async def _acked_after_raising(run: Callable[[Any], Any], app: Any) -> bool:
    """Whether Faust counts an event as done when the agent that iterates over it raises."""
    app.consumer = consumer = FakeConsumer(app, {EVENTS})
    app.flow_control.resume()
    app.consumer_generation_id = 1
    stream = app.stream(app.topic(EVENTS.topic, value_type=bytes, value_serializer="raw"))
    message = await consumer.deliver(0)
    message.generation_id = 1
    await stream.channel.queue.put(await stream.channel.decode(message, propagate=True))
    with pytest.raises(OSError, match="in the step"):
        await run(stream)
    gc.collect()
    for _ in range(20):  # the loop closes the stream that was left behind, which is when Faust acks
        await asyncio.sleep(0)
    return bool(message.acked)


async def test_f4_faust_acks_an_event_whose_agent_raised() -> None:
    """It may be committed before the process is gone, and never comes again."""

    async def run(stream: Any) -> None:
        async for _ in stream.events():
            raise OSError("in the step")

    with faust_with():
        assert await _acked_after_raising(run, fake_app())


async def test_f4_an_event_whose_step_raised_is_not_acked(
    metrics: WorkerMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registered step acks by hand, when it is done; its failure is the worker's end."""
    ended: list[str] = []
    monkeypatch.setattr("agents.registration.end_soon", lambda name, error: ended.append(f"{name}: {error}"))

    async def step(_: Record) -> None:
        raise OSError("in the step")

    with faust_with():
        app = fake_app()
        register(app, Delivery(NO_PRODUCER, "test", 1, 1, metrics), topics.REQUESTS, "intake", step, "test")
        assert not await _acked_after_raising(app.agents["intake"].fun, app)
    assert ended == ["intake: in the step"]


def _message(value: bytes | None) -> Any:
    return ConsumerMessage("events", 0, 0, 0.0, 0, None, b"\xff", value, None, tp=EVENTS)


@pytest.mark.parametrize("value", [b"\xff{", b""])
async def test_fausts_own_decoding_raises_before_an_agent_sees_the_record(value: bytes) -> None:
    """Bytes that are no JSON end the worker, and end the next one too."""
    app = faust.App("app", broker="kafka://127.0.0.1:1")
    with pytest.raises(ValueDecodeError):
        await app.topic("events").decode(_message(value), propagate=True)


@pytest.mark.parametrize("value", [b"\xff{", b"", None])
async def test_a_registered_step_gets_bytes_and_tombstones_as_they_are(
    value: bytes | None, metrics: WorkerMetrics
) -> None:
    """Decoding is the step's own, so that a record it cannot read is its to give up."""
    app = faust.App("app", broker="kafka://127.0.0.1:1")
    register(app, Delivery(NO_PRODUCER, "test", 1, 1, metrics), topics.REQUESTS, "intake", unused, "test")
    event = await app.agents["intake"].channel.decode(_message(value), propagate=True)
    assert (event.key, event.value) == (b"\xff", value)
