"""A whole gateway, in this process, on a real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from gateway.main import Ports, serve
from pipeline.settings import Settings
from tests.gateway.events import SECRET
from tests.gateway.harness import PATIENCE_SECONDS, http_get


def gateway_settings(servers: str, namespace: str, **others: Any) -> Settings:
    """Settings of a gateway on free ports."""
    defaults = {"gateway_port": 0, "http_port": 0, "metrics_port": 0, "auth_secret": SECRET}
    return Settings(kafka_bootstrap_servers=servers, namespace=namespace, **{**defaults, **others})


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Ports]:
    """A gateway whose ports are open; at the end it is told to end."""
    ports: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(settings, ready=ports.set_result))
    either: set[asyncio.Future[Any]] = {task, ports}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_SECONDS)
    if task.done():
        task.result()
    try:
        yield ports.result()
    finally:
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until_says(ports: Ports, status: int, text: str) -> None:
    """Return once `/readyz` answers this status with this text in it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found, body = await http_get(ports.gateway, "/readyz")
            if found == status and text in body:
                return
            assert found in (200, 503)
            await asyncio.sleep(0.05)


async def until_ready(ports: Ports) -> None:
    """Return once the gateway has caught up."""
    await until_says(ports, 200, "ready\n")


async def until_counted(ports: Ports, *samples: str) -> None:
    """Return once the metrics hold all these samples."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            _, text = await http_get(ports.metrics, "/metrics")
            if all(f"\n{sample}\n" in text for sample in samples):
                return
            await asyncio.sleep(0.05)
