"""One worker process, from its settings to its end."""

import asyncio
import logging
from importlib.metadata import version

import faust
import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from agents.app import build_worker
from agents.preflight import preflight
from agents.session import with_session_of_the_broker
from agents.table_files import watch_tables
from pipeline.errors import NeedsPerson, RefusedToStart
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings, variable

DEFAULT_METRICS_PORT = 9101


def run_worker(settings: Settings, migration: str) -> None:
    """Work until SIGTERM or SIGINT (exit 0) or until something fails (exit 1).  Raises NeedsPerson.

    migration: the tables must have gone through it.
    """
    partitions = asyncio.run(preflight(settings, migration))
    settings = asyncio.run(with_session_of_the_broker(settings))
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    serve_metrics(registry, settings)
    directory = settings.state_dir.absolute() / "workers" / settings.worker_id
    directory.mkdir(parents=True, exist_ok=True)
    # also for the thread of Faust's consumer: a message costs the loop more than it costs a step
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    metrics = WorkerMetrics(registry)
    metrics.build.info({"version": version("numberline"), "process": "worker"})
    watch_tables(metrics, directory)
    app = build_worker(settings, partitions, metrics)
    worker = faust.Worker(
        app, loglevel=settings.log_level, redirect_stdouts=False, override_logging=False, loop=loop
    )
    worker.spinner = None  # a progress spinner for terminals
    logging.getLogger(__name__).info("worker %s starts, %d partitions", settings.worker_id, partitions)
    try:
        worker.execute_from_commandline()
    except SystemExit:
        if isinstance(worker.crash_reason, NeedsPerson):
            raise worker.crash_reason from None
        raise


def serve_metrics(registry: CollectorRegistry, settings: Settings) -> None:
    """Prometheus metrics on their port.  Raises RefusedToStart where it is taken."""
    port = DEFAULT_METRICS_PORT if settings.metrics_port is None else settings.metrics_port
    try:
        start_http_server(port, settings.host, registry)
    except OSError as error:
        raise RefusedToStart(
            f"the metrics port {settings.host}:{port} cannot be used: {error.strerror}",
            f"Set {variable('metrics_port')} to another, or to 0 for a free one.",
        ) from None
