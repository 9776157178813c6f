"""The way of a request as spans, as steps and gateways see it; `pipeline.spans` makes them where they are wanted.

The W3C trace context rides in the headers of a record, as it does in those of HTTP. It is no part of a message's
content: a record that is sent again belongs to the same trace, and comes of another span.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pipeline.log_context import Work

Headers = tuple[tuple[str, bytes], ...]


class Span:
    """Of a step with one record; one that nobody hears of."""

    def failed(self, error: Exception) -> None:
        """The record could not be processed."""


class Tracing:
    """Off: there are no spans, and no header of theirs is read or written."""

    provider: Any = None  # OpenTelemetry's, for libraries that make their own spans

    def processing(self, work: Work) -> AbstractContextManager[Span]:
        """The span of a step with a record, child of the one that the record's headers name."""
        return _NOTHING

    def command(self, name: str, environment: Mapping[str, str]) -> AbstractContextManager[None]:
        """The span of a user's command, child of the one that TRACEPARENT names in its environment."""
        return nullcontext()

    def headers(self) -> Headers:
        """What a record that is sent now has to carry; nothing outside of spans."""
        return ()


_NOTHING = nullcontext(Span())
OFF = Tracing()
