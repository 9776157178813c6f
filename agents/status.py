"""The one port of a worker: `/metrics`, `/healthz` and `/readyz`, answered by a thread of their own."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from agents.readiness import Readiness
from pipeline.errors import RefusedToStart
from pipeline.settings import Settings, in_url, variable

DEFAULT_METRICS_PORT = 9101
REQUEST_SECONDS = 10.0  # a client that says nothing for so long is cut off
PLAIN = (("Content-Type", "text/plain; charset=utf-8"),)  # wsgiref adds to the list that it is given

Environment = dict[str, Any]
Start = Callable[..., Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        logging.getLogger(__name__).debug(format, *args)


def serve_status(registry: CollectorRegistry, readiness: Readiness, settings: Settings) -> int:
    """Answer from now on, until the process ends; the port.  Raises RefusedToStart where it is taken."""
    port = DEFAULT_METRICS_PORT if settings.metrics_port is None else settings.metrics_port
    try:
        kind = _Server6 if ":" in settings.host else _Server
        server = make_server(settings.host, port, status_app(registry, readiness), kind, _Quiet)
    except OSError as error:
        raise RefusedToStart(
            f"the metrics port {in_url(settings.host)}:{port} cannot be used: {error.strerror}",
            f"Set {variable('metrics_port')} to another, or to 0 for a free one.",
        ) from None
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server.server_port


def status_app(
    registry: CollectorRegistry, readiness: Readiness
) -> Callable[[Environment, Start], Iterable[bytes]]:
    """The WSGI application. `/readyz`: 200, or 503 and a line for each thing that is missing."""
    metrics = make_wsgi_app(registry)

    def answer(environment: Environment, start: Start) -> Iterable[bytes]:
        match environment["PATH_INFO"]:
            case "/metrics":
                exposition: Iterable[bytes] = metrics(environment, start)
                return exposition
            case "/healthz":
                start("200 OK", list(PLAIN))
                return [b"ok\n"]
            case "/readyz" if missing := readiness.missing():
                start("503 Service Unavailable", list(PLAIN))
                return ["".join(f"{one}\n" for one in missing).encode()]
            case "/readyz":
                start("200 OK", list(PLAIN))
                return [b"ready\n"]
        start("404 Not Found", list(PLAIN))
        return [b"/metrics, /healthz and /readyz are answered here\n"]

    return answer
