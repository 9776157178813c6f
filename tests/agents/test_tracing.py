"""Spans of steps in memory: whose child each is, what is carried on, and nothing at all where tracing is off."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agents.delivery import Delivery
from agents.handoff import Handoff
from agents.records import Outgoing, Record
from agents.registration import handoff_to
from pipeline import log_context
from pipeline.errors import BatchImpossible
from pipeline.metrics import WorkerMetrics
from pipeline.spans import Spans
from schemas import topics
from tests.agents.sending import BATCH, App, Producer, raising

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = (("traceparent", f"00-{TRACE}-{CALLER}-01".encode()), ("tracestate", b"vendor=opaque"))


class Traced:
    """A delivery whose spans stay in memory."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self.producer, self._exporter = Producer(), InMemorySpanExporter()
        self.handoffs: dict[topics.Topic, Handoff] = {}
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        spans = Spans(provider, "1")
        self.delivery = Delivery(self.producer, "test", 8, 60, metrics, handoffs=self.handoffs, tracing=spans)

    def spans(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in this order."""
        return self._exporter.get_finished_spans()

    def sent(self) -> list[tuple[str, dict[str, bytes]]]:
        """Topic and headers of each message."""
        return [(message[0], dict(message[-1])) for message in self.producer.sent]

    async def forward(self, record: Record) -> None:
        """A step that sends one message of a batch on."""
        await self.delivery.send(Outgoing(topics.NUMBERS, b"212", b"value", "212", BATCH))


@pytest.fixture
async def traced(metrics: WorkerMetrics) -> Traced:
    """With an empty memory."""
    return Traced(metrics)


def record(offset: int = 42, headers: Any = (*BATCH, *TRACED)) -> Record:
    """An allocation of partition 3."""
    return Record("test.allocations", 3, offset, 0, b"212", b"value", headers)


def ids(span: ReadableSpan) -> tuple[str, str, str | None]:
    """Trace, span and parent."""
    assert span.context is not None
    parent = f"{span.parent.span_id:016x}" if span.parent else None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent


async def test_a_step_is_the_child_of_what_sent_its_record(traced: Traced) -> None:
    """And what it sends says so in turn, with the state of others."""
    await traced.delivery.process("enrich", traced.forward, record())

    (span,) = traced.spans()
    trace, own, parent = ids(span)
    assert (span.name, trace, parent) == ("enrich test.allocations", TRACE, CALLER)
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "enrich",
        "messaging.operation.type": "process",
        "messaging.destination.name": "test.allocations",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 42,
        "numberline.task": BATCH[1][1].decode(),
        "numberline.batch": "7",
    }
    ((topic, headers),) = traced.sent()
    assert topic == "test.numbers"
    assert headers == {
        **dict(BATCH),
        "traceparent": f"00-{TRACE}-{own}-01".encode(),
        "tracestate": b"vendor=opaque",
    }


async def test_what_is_handed_over_carries_it_too(traced: Traced) -> None:
    """The next step begins before the broker has the message, and has no offset to tell."""

    async def store(_: Record) -> None:
        """Nothing to do."""

    traced.handoffs[topics.NUMBERS] = handoff_to(App(), traced.delivery, "store", store)
    traced.producer.at_once = False
    enriching = asyncio.create_task(traced.delivery.process("enrich", traced.forward, record()))
    await traced.producer.arrived.acquire()
    traced.producer.acknowledgements[0].set_result(SimpleNamespace(offset=17))
    await enriching
    await traced.handoffs[topics.NUMBERS].settled()

    enrich, store_ = sorted(traced.spans(), key=lambda span: span.name)
    assert store_.name == "store test.numbers"
    assert ids(store_)[0] == TRACE
    assert ids(store_)[2] == ids(enrich)[1]
    assert "messaging.kafka.offset" not in (store_.attributes or {})


async def test_a_record_again_is_another_span_of_the_same_trace(traced: Traced) -> None:
    """What it sends has the same content; whose span sent it is none."""
    for _ in range(2):
        await traced.delivery.process("enrich", traced.forward, record())

    assert [ids(span)[::2] for span in traced.spans()] == [(TRACE, CALLER)] * 2
    first, second = (message[:-1] for message in traced.producer.sent)
    assert first == second


async def test_a_record_without_a_context_begins_a_trace(traced: Traced) -> None:
    """So does one whose header is none; of a longer state nothing is taken."""
    for headers in ((), (("traceparent", b"\xff"),), (("traceparent", None),)):
        await traced.delivery.process("enrich", traced.forward, record(headers=headers))

    assert [ids(span)[2] for span in traced.spans()] == [None] * 3
    assert len({ids(span)[0] for span in traced.spans()}) == 3


async def test_a_failure_tells_its_reason_and_the_task_hears_of_it_in_the_trace(traced: Traced) -> None:
    """The dead letter stays the record that it is of."""
    error = BatchImpossible("ledger_conflict", "2125550100 is held already")
    await traced.delivery.process("store", raising(error), record())

    (span,) = traced.spans()
    assert (span.status.description, span.events) == ("ledger_conflict", ())
    assert "2125550100" not in span.to_json()
    letter, told = traced.sent()
    assert letter[0] == "test.deadletters"
    assert letter[1]["traceparent"] == dict(TRACED)["traceparent"]
    assert list(traced.producer.sent[0][-1])[: len(BATCH) + 2] == [*BATCH, *TRACED]
    assert told[1]["traceparent"] == f"00-{TRACE}-{ids(span)[1]}-01".encode()


async def test_the_log_says_the_trace(traced: Traced) -> None:
    """Of the record at work."""
    said = []

    async def step(_: Record) -> None:
        said.append(log_context.fields()["trace_id"])

    await traced.delivery.process("enrich", step, record())
    assert said == [TRACE]


async def test_off_nothing_is_read_or_written(metrics: WorkerMetrics) -> None:
    """A header of the record is left where it is."""
    producer = Producer()
    delivery = Delivery(producer, "test", 8, 60, metrics)

    async def step(_: Record) -> None:
        await delivery.send(Outgoing(topics.NUMBERS, b"212", b"value", "212", BATCH))

    await delivery.process("enrich", step, record())
    ((*_, headers),) = producer.sent
    assert headers == BATCH


def test_off_a_worker_does_not_even_load_it() -> None:
    """The library costs memory and time at the start."""
    code = "import sys, agents.run, numberline.cli, numberline.tracing; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
