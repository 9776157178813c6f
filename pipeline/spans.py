"""Spans by OpenTelemetry's API, named by its conventions for messaging; imported only where tracing is on."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Span as OpenTelemetrySpan
from opentelemetry.trace import SpanKind, StatusCode, Tracer, TracerProvider, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pipeline import tracing
from pipeline.dead_letters import reason_of
from pipeline.log_context import Work
from pipeline.tracing import Headers

# no other one: baggage would carry whatever a client sends to every topic
CONTEXT = TraceContextTextMapPropagator()

RecordHeaders = Iterable[tuple[str, bytes | None]]


class _OfRecord(Getter[RecordHeaders], Setter[list[tuple[str, bytes]]]):
    """The headers of a record."""

    def get(self, carrier: RecordHeaders, key: str) -> list[str] | None:
        """All values of a name."""
        return [value.decode(errors="replace") for name, value in carrier if name == key and value] or None

    def keys(self, carrier: RecordHeaders) -> list[str]:
        """All names."""
        return [name for name, _ in carrier]

    def set(self, carrier: list[tuple[str, bytes]], key: str, value: str) -> None:
        """One more."""
        carrier.append((key, value.encode()))


_OF_RECORD = _OfRecord()


class Span(tracing.Span):
    """One of OpenTelemetry's."""

    def __init__(self, span: OpenTelemetrySpan) -> None:
        self._span = span

    def failed(self, error: Exception) -> None:
        """Says the reason and no more: an error's text may quote numbers, and spans leave the installation."""
        self._span.set_attribute("error.type", type(error).__name__)
        self._span.set_status(StatusCode.ERROR, reason_of(error))


class Spans(tracing.Tracing):
    """On. provider: where spans go is its affair."""

    def __init__(self, provider: TracerProvider, version: str) -> None:
        self.provider: Any = provider
        self._tracer: Tracer = provider.get_tracer("numberline", version)

    @contextmanager
    def processing(self, work: Work) -> Iterator[tracing.Span]:
        """As its base says."""
        record = work.record
        attributes: dict[str, str | int] = {
            "messaging.system": "kafka",
            "messaging.operation.name": work.step,
            "messaging.operation.type": "process",
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
        }
        if record.offset >= 0:  # else it was handed over before the broker had it
            attributes["messaging.kafka.offset"] = record.offset
        with self._tracer.start_as_current_span(
            f"{work.step} {record.topic}",
            context=CONTEXT.extract(record.headers, Context(), _OF_RECORD),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as one:
            work.trace_id = format_trace_id(one.get_span_context().trace_id)
            span = Span(one)
            try:
                yield span
            except Exception as error:
                span.failed(error)
                raise
            finally:
                known = work.fields()
                told = [name for name in ("task", "batch") if name in known]
                one.set_attributes({f"numberline.{name}": known[name] for name in told})

    @contextmanager
    def command(self, name: str, environment: Mapping[str, str]) -> Iterator[None]:
        """As its base says."""
        carrier = {one.lower(): environment[one] for one in ("TRACEPARENT", "TRACESTATE") if one in environment}
        with self._tracer.start_as_current_span(
            name, context=CONTEXT.extract(carrier, Context()), kind=SpanKind.CLIENT, record_exception=False
        ):
            yield

    def headers(self) -> Headers:
        """As its base says."""
        found: list[tuple[str, bytes]] = []
        CONTEXT.inject(found, setter=_OF_RECORD)
        return tuple(found)
