"""What the library says of a collector that is away."""

import logging

from numberline.tracing import SILENT_SECONDS, Seldom


def record(message: str, *about: object) -> logging.LogRecord:
    """One line of a library."""
    return logging.LogRecord("opentelemetry", logging.ERROR, __file__, 1, message, about, None)


def test_a_complaint_is_said_once_in_ten_minutes() -> None:
    """Whatever it is about; another one is said, too."""
    now = 0.0
    seldom = Seldom(lambda: now)
    said = [seldom.filter(record("cannot send %s", batch)) for batch in range(3)]
    assert said == [True, False, False]
    assert seldom.filter(record("no room"))
    now = SILENT_SECONDS
    assert seldom.filter(record("cannot send %s", 4))
