"""Whether Kafka and PostgreSQL answer: asked again and again, so that `/readyz` says which of them is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from pipeline.errors import Unavailable

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
ANSWER_SECONDS = 3.0

Probe = Callable[[], Awaitable[object]]


class Health:
    """Asks each server for ever. probes: by the server's name; each raises Unavailable, or takes too long."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._away = dict.fromkeys(probes, "has not answered yet")

    @property
    def waiting_for(self) -> str | None:
        """Which servers do not answer, or None."""
        return "; ".join(f"{name} {reason}" for name, reason in self._away.items()) or None

    async def run(self) -> None:
        """Never returns."""
        await asyncio.gather(*(self._watch(name, probe) for name, probe in self._probes.items()))

    async def _watch(self, name: str, probe: Probe) -> None:
        while True:
            answers = await _answers(probe)
            if answers and name in self._away:
                log.info("%s answers", name)
                del self._away[name]
            elif not answers:
                if name not in self._away:
                    log.warning("%s does not answer; not ready", name)
                self._away[name] = "does not answer"
            await asyncio.sleep(PAUSE_SECONDS)


async def _answers(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await probe()
    except (Unavailable, TimeoutError):
        return False
    return True
