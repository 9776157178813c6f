"""One request through all spans: from its own trace context through every topic to the gateway that tells of it."""

import contextlib
import json
import secrets
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.client import signing_rules
from pipeline.tokens import sign
from schemas.identity import task_id
from tests.collector import Collector, Span, collecting, way_of
from tests.end_to_end.test_lookups import asking, external
from tests.fix_installation import Installation, make_small_installation
from tests.lookup_server import LookupServer
from tests.processes import wait_until

USER = "ann-who-is-nobody-elses-business"
SECONDS = 60


@dataclass
class Traced:
    """A worker and a gateway whose spans are collected."""

    made: Installation
    collector: Collector
    http_port: int

    def spans_along(self, trace: str, *ways: list[str]) -> list[Span]:
        """The spans of a trace, once there is one at the end of each of these ways."""

        def complete() -> bool:
            spans = self.collector.of_trace(trace)
            found = [way_of(span, spans) for span in spans]
            return all(way in found for way in ways)

        try:
            wait_until(complete, SECONDS, f"spans along {ways}")
        finally:
            spans = self.collector.of_trace(trace)
            print(*sorted(" > ".join(way_of(span, spans)) for span in spans), sep="\n")  # noqa: T201
        return spans


@pytest.fixture(scope="module")
def traced(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    """On a small installation, whose own gateway is not traced."""
    directory = tmp_path_factory.mktemp("traced")
    with (
        collecting() as collector,
        LookupServer().running() as provider,
        make_small_installation(kafka_server, postgres_server, directory) as made,
        made.worker(**collector.environment, **asking(provider)),
    ):
        port = free_port()
        ready = free_port()
        ports = {"NUMBERLINE_GATEWAY_PORT": str(ready), "NUMBERLINE_HTTP_PORT": str(port)}
        with made.process("gateway", "traced", **ports, **collector.environment) as gateway:
            # what the topic holds when the gateway begins to read it leaves no span
            wait_until(lambda: gateway.alive() and _answers(ready, "readyz"), 30, "gateway that is ready")
            wait_until(lambda: _answers(port, "api/openapi.json"), 30, "API")
            yield Traced(made, collector, port)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def new_context() -> tuple[str, str, str]:
    """A caller's trace and span, and the header that says both."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-01"


def test_a_request_by_http_is_one_trace(traced: Traced) -> None:
    """Call, intake, coordinate, allocate, enrich, store, coordinate, and what the gateway tells of it."""
    trace, caller, traceparent = new_context()
    settings = traced.made.settings
    request = urllib.request.Request(
        f"http://127.0.0.1:{traced.http_port}/api/generate-numbers-enhanced/",
        json.dumps({"quantity": 200, "area_code": "201", "batch_size": 100}).encode(),
        {
            "Authorization": f"Bearer {sign(signing_rules(settings), USER, time.time(), 3600)}",
            "Content-Type": "application/json",
            "traceparent": traceparent,
            "tracestate": "vendor=opaque",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        task = json.load(answer)["task_id"]

    submitted = ["POST /api/generate-numbers-enhanced/", "intake requests", "coordinate task-events"]
    stored = ["allocate batches", "enrich allocations", "store numbers", "coordinate task-events"]
    spans = traced.spans_along(
        trace,
        [*submitted, "tell progress"],  # it has started
        [*submitted, *stored, "tell progress"],  # it has ended
        [*submitted, *stored, "project progress"],
        [*submitted, "project audit"],
    )

    (call,) = [span for span in spans if span.parent == caller]
    assert call.service == "numberline-gateway"
    assert {span.service for span in spans} == {"numberline-gateway", "numberline-worker"}
    of_steps = [span for span in spans if span is not call]
    assert {span.attributes.get("numberline.task") for span in of_steps if "audit" not in span.name} == {task}
    allocations = [span for span in spans if span.name.startswith("allocate")]
    assert sorted(span.attributes["numberline.batch"] for span in allocations) == ["0", "1"]
    assert all(span.error is None for span in spans)
    assert not [span for span in spans if USER in str(span.attributes.values())]
    for record in traced.made.records("progress"):
        headers = dict(record.headers() or ())
        assert headers["traceparent"].decode().split("-")[1] == trace
        assert headers["tracestate"] == b"vendor=opaque"


def test_a_command_is_the_parent_of_its_task(traced: Traced) -> None:
    """And the child of what TRACEPARENT says; what is held is then judged by another trace."""
    trace, caller, traceparent = new_context()
    command = ("generate", "--quantity", "10", "--area-code", "201", "--user", USER, "--request-id", "traced")
    done = traced.made.run(*command, TRACEPARENT=traceparent, **traced.collector.environment)
    assert done.returncode == 0, done.stderr

    way = ["numberline generate", "intake requests", "coordinate task-events"]
    spans = traced.spans_along(trace, way[:1], [*way, "tell progress"])

    assert [span.name for span in spans if span.parent == caller] == ["numberline generate"]
    trace, caller, traceparent = new_context()
    validation = {"type": "validate", "request_id": "judged", "user_id": USER, "task_id": task_id(USER, "traced")}
    traced.made.produce(json.dumps(validation).encode(), traceparent=traceparent.encode())
    way = ["intake requests", "coordinate task-events", "judge validations", "coordinate task-events"]
    spans = traced.spans_along(trace, [*way, "tell progress"])
    assert [span.name.split()[0] for span in spans if span.parent == caller] == ["intake"]


def test_a_record_that_fails_says_why_and_its_letter_is_as_it_was(traced: Traced) -> None:
    """The reason alone: what an error quotes stays in the installation."""
    trace, caller, traceparent = new_context()
    body = traced.made.request(USER, quantity=0)
    traced.made.produce(json.dumps(body).encode(), traceparent=traceparent.encode())
    traced.spans_along(trace, ["intake requests", "coordinate task-events", "tell progress"])

    trace, caller, traceparent = new_context()
    traced.made.produce_on("numbers", b"4155550100 is no event", [("traceparent", traceparent.encode())])
    (failed,) = traced.spans_along(trace, ["store numbers"])
    assert (failed.parent, failed.error) == (caller, "Unreadable")
    assert failed.attributes["error.type"] == "Unreadable"
    assert "4155550100" not in str(failed)
    letters = {record.value(): dict(record.headers()) for record in traced.made.records("deadletters")}
    assert letters[b"4155550100 is no event"]["traceparent"] == traceparent.encode()


def test_a_lookup_is_part_of_the_trace(traced: Traced) -> None:
    """Between the verdict by the data and the end; the provider is told of no trace."""
    trace, caller, traceparent = new_context()
    body = external(USER, numbers=["+12012000001", "no number"])
    traced.made.produce(json.dumps(body).encode(), traceparent=traceparent.encode())
    way = ["intake requests", "coordinate task-events", "judge validations", "lookup lookups"]
    spans = traced.spans_along(trace, [*way, "coordinate task-events", "tell progress"])

    assert [span.name.split()[0] for span in spans if span.parent == caller] == ["intake"]
    (lookup,) = [span for span in spans if span.name.startswith("lookup")]
    assert lookup.attributes["numberline.task"] == task_id(USER, body["request_id"])
    assert not [span for span in spans if "2012000001" in str(span)]


@contextlib.contextmanager
def away(hangs: bool) -> Iterator[dict[str, str]]:
    """The environment of a process whose collector takes connections and never answers, or refuses them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not hangs:
            server.close()
        yield {
            "NUMBERLINE_TRACING": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",  # s
            "OTEL_BSP_MAX_QUEUE_SIZE": "64",  # fewer than one of the tasks makes
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16",
        }


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
def test_a_collector_that_is_away_costs_no_number(small_installation: Installation, hangs: bool) -> None:
    """Tasks end as ever, the log says each complaint once, and the worker leaves when it is told to."""
    made = small_installation
    with away(hangs) as environment, made.worker(**environment) as worker:
        for _ in range(3):
            ended = made.ending(made.request(USER, area_code="201", quantity=1_000, batch_size=100))
            assert ended["type"] == "task_completed"
        wait_until(lambda: "opentelemetry" in worker.log.read_text(), SECONDS, "word of the collector")
        assert worker.stop() == 0
    assert made.rows("SELECT count(*), count(DISTINCT number) FROM numbers") == [(3_000, 3_000)]
    assert made.records("deadletters") == []
    said = [line for line in worker.log.read_text().splitlines() if " opentelemetry." in line]
    assert "Queue full" in " ".join(said)
    assert len(said) <= 3  # a connection that failed, a batch of spans that was left out, a span without room
