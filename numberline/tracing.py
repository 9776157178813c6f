"""Tracing as the settings want it: off, or sent by OTLP as the standard OTEL_ variables say."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from pipeline.errors import SettingsInvalid
from pipeline.settings import Settings, variable
from pipeline.tracing import OFF, Tracing

LEAVE_SECONDS = 2.0  # for what has not been sent when a process ends; a collector that is away delays it no longer
SILENT_SECONDS = 600.0
# which say at each batch of spans that it cannot be sent, and at each span that there is no room for it
COMPLAINING = ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal")


class Seldom(logging.Filter):
    """Lets the same message pass once in SILENT_SECONDS, whatever it is about."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """As its base says."""
        now = self._clock()
        if now - self._said.get(record.msg, -math.inf) < SILENT_SECONDS:
            return False
        self._said[record.msg] = now
        return True


@contextmanager
def tracing(settings: Settings, process: str) -> Iterator[Tracing]:
    """Meanwhile, spans of this process: worker, gateway or command.  Raises SettingsInvalid."""
    if settings.tracing == "off":
        yield OFF
        return
    provider = _provider(settings, process)
    for name in COMPLAINING:
        logging.getLogger(name).addFilter(Seldom())
    from pipeline.spans import Spans

    try:
        yield Spans(provider, version("numberline"))
    finally:
        leaving = threading.Thread(target=provider.shutdown, name="spans", daemon=True)
        leaving.start()
        leaving.join(LEAVE_SECONDS)


def _provider(settings: Settings, process: str) -> Any:
    """Of the SDK. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what is said here."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        text = "otlp needs what sends spans: `pip install 'numberline[tracing]'`, or set it to off"
        raise SettingsInvalid({variable("tracing"): text}) from None
    ours = {
        "service.name": f"numberline-{process}",
        "service.namespace": settings.namespace,
        "service.version": version("numberline"),
        "service.instance.id": settings.worker_id,
    }
    provider = TracerProvider(
        resource=Resource.create(ours).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
