"""Logs of the long-running processes: lines on standard error, for people or as JSON."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

from pipeline import log_context

# what they say at `info` is of use to their developers
CHATTY = ("aiokafka", "faust", "mode", "alembic", "httpx")
MOST_TEXT = 10_000  # characters of a message or of a stack trace


def set_up_logs(level: str, form: Literal["console", "json"] = "console") -> None:
    """Log from this level on; libraries, unless at debug, from warning on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else ConsoleLines())
    logging.basicConfig(handlers=[handler], level=level.upper())
    if level != "debug":
        for name in CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


class ConsoleLines(logging.Formatter):
    """Time, level, logger, message; then the record that was at work, where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """One line."""
        about = " ".join(f"{name}={value}" for name, value in log_context.fields().items())
        return super().formatMessage(record) + (f" [{about}]" if about else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: time (RFC 3339), level, logger, message, error, and the record that was at work."""

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        found: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:MOST_TEXT],
            **log_context.fields(),
        }
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)[-MOST_TEXT:]
        return json.dumps(found, ensure_ascii=False)
