"""One worker process, from its settings to its end."""

import asyncio
import gc
import logging
from importlib.metadata import version

import faust
import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector

from agents.app import build_worker
from agents.fittings import Fit, product
from agents.preflight import preflight
from agents.readiness import Readiness
from agents.session import with_session_of_the_broker
from agents.status import serve_status
from agents.table_files import watch_tables
from pipeline.errors import NeedsPerson
from pipeline.settings import Settings
from pipeline.tracing import OFF, Tracing


def run_worker(settings: Settings, migration: str, fit: Fit = product, tracing: Tracing = OFF) -> None:
    """Work until SIGTERM or SIGINT (exit 0) or until something fails (exit 1).  Raises NeedsPerson.

    migration: the tables must have gone through it. fit: what the worker is put together from.
    """
    registry, readiness = CollectorRegistry(), Readiness()
    ProcessCollector(registry=registry)
    serve_status(registry, readiness, settings)
    partitions = asyncio.run(preflight(settings, migration, readiness))
    settings = asyncio.run(with_session_of_the_broker(settings))
    directory = settings.state_dir.absolute() / "workers" / settings.worker_id
    directory.mkdir(parents=True, exist_ok=True)
    # a message costs the loop more than it costs a step
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    fittings = fit(registry)
    metrics = fittings.metrics(registry)
    metrics.build.info({"version": version("numberline"), "process": "worker"})
    watch_tables(metrics, directory)
    app = build_worker(settings, partitions, metrics, readiness, fittings, tracing)
    worker = faust.Worker(
        app, loglevel=settings.log_level, redirect_stdouts=False, override_logging=False, loop=loop
    )
    worker.spinner = None  # a progress spinner for terminals
    gc.freeze()  # no collection looks through all that again; there is one at each rebalance
    gc.enable()
    logging.getLogger(__name__).info("worker %s starts, %d partitions", settings.worker_id, partitions)
    try:
        worker.execute_from_commandline()
    except SystemExit:
        if isinstance(worker.crash_reason, NeedsPerson):
            raise worker.crash_reason from None
        raise
