"""Capacity and active tasks -> metrics, by a timer: what would cost too much to count at every change."""

import asyncio
import time

from gateway.hub import Hub
from gateway.supply import Supply
from pipeline.metrics import GatewayMetrics

PAUSE_SECONDS = 5.0


class Figures:
    """Looks for ever at what this gateway knows of the whole installation."""

    def __init__(self, supply: Supply, hub: Hub, metrics: GatewayMetrics) -> None:
        self._supply, self._hub, self._metrics = supply, hub, metrics

    async def run(self) -> None:
        """Never returns."""
        while True:
            self.look(time.time())
            await asyncio.sleep(PAUSE_SECONDS)

    def look(self, now: float) -> None:
        """Once. now: s since the epoch."""
        oldest = self._hub.tasks.oldest_update()
        self._metrics.idle_seconds.set(max(0.0, now - oldest / 1000) if oldest else 0.0)
        if (capacity := self._supply.capacity) is None:
            return
        self._metrics.prefix_data(capacity.catalogue.version, self._supply.imported_at)
        for region, figures in capacity.by_region().items():
            for status in ("used", "suppressed", "left"):
                self._metrics.region_numbers.labels(region, status).set(getattr(figures, status))
