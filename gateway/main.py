"""The gateway's composition root: one process that serves until it is told to end."""

import asyncio
import contextlib
import logging
import resource
import signal
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from gateway.api import server as http_server
from gateway.api.app import build_app, build_services
from gateway.archive import Archive
from gateway.authenticator import build_authenticator
from gateway.feed import Feed
from gateway.figures import Figures
from gateway.health import Health
from gateway.hub import Hub
from gateway.lag import GroupLag
from gateway.origins import Origins
from gateway.server import GatewayServer, port_refused
from pipeline.metrics import GatewayMetrics
from pipeline.settings import Settings, in_url
from pipeline.tracing import OFF, Tracing

log = logging.getLogger(__name__)

METRICS_PORT = 9102


@dataclass(frozen=True)
class Ports:
    """The ports that are open."""

    gateway: int
    metrics: int
    http: int


Ready = Callable[[Ports], None]


def run(settings: Settings, *, ready: Ready | None = None, tracing: Tracing = OFF) -> None:
    """Serve until SIGTERM or SIGINT, as `serve` does.  Raises what `serve` raises."""
    _allow_files()
    asyncio.run(_serve_until_signalled(settings, ready, tracing))


def _allow_files() -> None:
    """As many open files as this process may have: each connection is one, and the usual default is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS says unlimited and takes less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve_until_signalled(settings: Settings, ready: Ready | None, tracing: Tracing) -> None:
    serving = asyncio.create_task(serve(settings, ready=ready, tracing=tracing))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    log.info("the gateway has ended")


async def serve(settings: Settings, *, ready: Ready | None = None, tracing: Tracing = OFF) -> None:
    """Serve until cancelled; then every client is told 1001, within 2 s.

    ready: told the ports once they are open; `/readyz` says when clients are served.
    Raises SettingsInvalid where no token could be checked, RefusedToStart for a taken port, FeedBroken where the
    topic cannot be read on.
    """
    authenticator = build_authenticator(settings)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    metrics = GatewayMetrics(registry)
    metrics.build.info({"version": version("numberline"), "process": "gateway"})
    hub = Hub()
    feed, archive = Feed(settings, hub, metrics, tracing), Archive(settings, hub.history)
    origins = Origins(settings)
    services = build_services(settings, hub, metrics, authenticator, tracing)
    health = Health({"Kafka": feed.check, "PostgreSQL": services.database.check})
    server = GatewayServer(
        settings,
        hub,
        archive,
        metrics,
        authenticator,
        origins,
        services.audit,
        not_ready=lambda: feed.waiting_for or authenticator.waiting_for,
        away=lambda: health.waiting_for,
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(services.close)
        metrics_port = stack.enter_context(_metrics_port(settings, registry))
        stack.push_async_callback(archive.close)
        services.gateway_port = gateway_port = await stack.enter_async_context(server.listening())
        http_port = await stack.enter_async_context(http_server.listening(settings, build_app(services, tracing)))
        origins.serve_page(http_port)
        host = in_url(settings.host)
        log.info("WebSocket gateway on ws://%s:%d, metrics on %d", host, gateway_port, metrics_port)
        log.info("HTTP API on http://%s:%d", host, http_port)
        if ready is not None:
            ready(Ports(gateway_port, metrics_port, http_port))
        await _all(
            feed.run(),
            health.run(),
            services.supply.run(),
            GroupLag(settings, metrics).run(),
            Figures(services.supply, hub, metrics).run(),
            *([authenticator.key_source.run()] if authenticator.key_source else []),
        )


async def _all(*runs: Coroutine[Any, Any, None]) -> None:
    """What runs for ever; the first error of one ends them all."""
    tasks = [asyncio.ensure_future(one) for one in runs]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()  # once: a second time would cut short what they do at their end
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()


@contextlib.contextmanager
def _metrics_port(settings: Settings, registry: CollectorRegistry) -> Iterator[int]:
    port = METRICS_PORT if settings.metrics_port is None else settings.metrics_port
    try:
        server, thread = start_http_server(port, settings.host, registry)
    except OSError as error:
        raise port_refused(settings, "metrics_port", port, error) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
