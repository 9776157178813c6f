"""What is measured of a ledger, however it was filled: sizes, restarts, memory, and what a batch costs."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import procfs
from bench.scale.facts import FACT_NUMBERS
from bench.scale.machine import Machine
from bench.stats import median, percentile
from numberline.database import installed_partitions
from numberline.ledger import read_table

FEW, BATCHES, ROUNDS = 100, 20, 7
USER = "bench-scale"


@dataclass
class Measured:
    """With so many numbers in the ledger. Seconds and megabytes (10**6 bytes)."""

    numbers: int
    area_codes: int
    facts: int = 0
    changelog_megabytes: float = 0.0
    local_megabytes: float = 0.0
    first_batch_after_loss_seconds: float = 0.0
    first_batch_after_restart_seconds: float = 0.0
    worker_megabytes: float = 0.0
    worker_all_area_codes_megabytes: float = 0.0
    loaded_seconds: list[float] = field(default_factory=list)
    empty_seconds: list[float] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """Of a task over loaded area codes, over that of one over empty ones, in turns."""
        return median(self.loaded_seconds) / median(self.empty_seconds)

    def lines(self) -> list[str]:
        """For a person."""
        worst = percentile(self.loaded_seconds, 100) / median(self.empty_seconds)
        return [
            f"{self.numbers:,} numbers, {self.area_codes} area codes, {self.facts:,} facts",
            f"  changelog {self.changelog_megabytes:,.0f} MB, local copy {self.local_megabytes:,.0f} MB",
            f"  first batch after loss of the local state {self.first_batch_after_loss_seconds:.1f} s",
            f"  first batch after a restart {self.first_batch_after_restart_seconds:.1f} s",
            f"  worker {self.worker_megabytes:,.0f} MB, with every area code in memory "
            f"{self.worker_all_area_codes_megabytes:,.0f} MB",
            f"  {BATCHES} batches, loaded over empty area codes: {self.cost:.2f} x (slowest {worst:.2f} x)",
        ]


async def measure(machine: Machine, numbers: int, loaded: Sequence[str], empty: Sequence[str]) -> Measured:
    """All of it; the worker is stopped before, and runs afterwards. empty: codes of which nothing is drawn."""
    one, settings = Measured(numbers, len(loaded)), machine.system.settings
    for partition in range(installed_partitions(settings)):
        one.facts += len(await read_table(settings, "ledger", partition))
    one.changelog_megabytes = machine.megabytes("*-ledger-changelog-*")
    machine.lose_state()
    machine.say("restart without the local state")
    one.first_batch_after_loss_seconds = await _first_batch(machine, loaded[0])
    machine.stop()
    one.local_megabytes = machine.megabytes("ledger-*.db")
    machine.say("restart with the local state")
    one.first_batch_after_restart_seconds = await _first_batch(machine, loaded[1])
    one.worker_megabytes = procfs.memory(machine.worker.pid).resident
    machine.say("batches over loaded and over empty area codes, in turns")
    async with machine.load.client(USER) as client:
        for round_ in range(ROUNDS + 1):
            for seconds, chosen in ((one.loaded_seconds, loaded[8:16]), (one.empty_seconds, empty)):
                done = await machine.load.one(client, USER, BATCHES * FACT_NUMBERS, chosen)
                if round_:  # the first only makes the unions and spaces known
                    seconds.append(done.seconds)
        for code in loaded:
            await machine.load.one(client, USER, FEW, [code])
    one.worker_all_area_codes_megabytes = procfs.memory(machine.worker.pid).resident
    return one


async def _first_batch(machine: Machine, code: str) -> float:
    """Seconds from the worker's start until numbers of an area code are delivered."""
    started = time.perf_counter()
    await asyncio.to_thread(machine.start)
    async with machine.load.client(USER) as client:
        await machine.load.one(client, USER, FEW, [code])
    return time.perf_counter() - started
