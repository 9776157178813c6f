"""The Celery worker: `python -m bench.peers.django_service.worker`. It ends with its standard input."""

import os
import signal
import sys
import threading

from bench.peers.django_service.tasks import app

OPTIONS = ("--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING")


def end_with_stdin() -> None:
    """Whoever started it is gone, or wants it to go."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    app.worker_main(["worker", *OPTIONS])
