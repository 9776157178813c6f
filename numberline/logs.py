"""Logs of the long-running processes: lines on standard error."""

import logging

# what they say at `info` is of use to their developers
CHATTY = ("aiokafka", "faust", "mode", "alembic")


def set_up_logs(level: str) -> None:
    """Log from this level on; libraries, unless at debug, from warning on."""
    logging.basicConfig(format="%(asctime)s %(levelname)-8s %(name)s: %(message)s", level=level.upper())
    if level != "debug":
        for name in CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
