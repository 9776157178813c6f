"""An OpenTelemetry collector in memory: what processes of a test send by OTLP over HTTP."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """One span. Ids in hexadecimal; parent empty of a root. error: the reason of one that failed."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    error: str | None
    attributes: Mapping[str, str]


class Collector:
    """Takes every span."""

    def __init__(self, port: int) -> None:
        self.environment = {
            "NUMBERLINE_TRACING": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms
        }
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        """One export."""
        with self._lock:
            for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = _texts(of_process.resource.attributes)["service.name"]
                for of_library in of_process.scope_spans:
                    self._spans += [_span(service, span) for span in of_library.spans]

    def of_trace(self, trace: str) -> list[Span]:
        """The spans of a trace so far."""
        with self._lock:
            return [span for span in self._spans if span.trace == trace]


def way_of(span: Span, spans: list[Span]) -> list[str]:
    """The names from the first known ancestor of a span to itself; without the namespace of topics."""
    by_id = {one.id: one for one in spans}
    way, at = [span.name], span
    while (above := by_id.get(at.parent)) is not None:
        way.append(above.name)
        at = above
    return [" ".join([*name.split()[:-1], name.split()[-1].rpartition(".")[2]]) for name in reversed(way)]


def _texts(attributes: Any) -> dict[str, str]:
    """Attributes as text, whatever they are."""
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value"))) for one in attributes}


def _span(service: str, span: Any) -> Span:
    failed = span.status.code == span.status.STATUS_CODE_ERROR
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.message if failed else None,
        _texts(span.attributes),
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Meanwhile, one on the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
