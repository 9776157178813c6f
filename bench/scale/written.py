"""A ledger whose facts are written into its changelog, and how the worker puts them together while it works."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from bench.scale.facts import TASK, write_facts
from bench.scale.machine import Machine
from bench.scale.measured import FEW, USER
from bench.stats import percentile
from pipeline.compact import FEWEST_FACTS, LEDGER_AGE
from pipeline.settings import variable

SAMPLES = 100
CLEANED_SECONDS = 60.0  # for the broker to compact the changelog, which it looks at every 15 s
FACTS = 'numberline_facts_let_go_total{table="ledger"}'

# a row of a task that ended long ago; nothing but its end is looked at
INSERT_TASK = """
INSERT INTO task_states (
    task_id, sequence, request_id, user_id, type, status, quantity, processed_items, succeeded, failed_items,
    batches_done, batches_total, current_step, created_at, updated_at, completed_at
) VALUES (%s, 1, 'bench', %s, 'generate', 'completed', 1, 1, 1, 0, 1, 1, 'done', now(), now(), now() - %s * 2)
"""


@dataclass
class Compacted:
    """What it took. Milliseconds are of tasks of 100 numbers, one after the other, without it and during it."""

    facts: int = 0
    ready_after_loss_seconds: float = 0.0
    changelog_megabytes: float = 0.0
    seconds: float = 0.0
    changelog_after_megabytes: float = 0.0
    idle_milliseconds: list[float] = field(default_factory=list)
    during_milliseconds: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a person."""
        idle, during = (
            ", ".join(f"p{percent} {percentile(values, percent):.0f} ms" for percent in (50, 95))
            for values in (self.idle_milliseconds, self.during_milliseconds)
        )
        return [
            f"{self.facts:,} facts, read from the changelog in {self.ready_after_loss_seconds:.1f} s",
            f"  put together in {self.seconds:.0f} s, at most a fifth of the worker's time",
            f"  changelog {self.changelog_megabytes:,.0f} MB before, {self.changelog_after_megabytes:,.0f} MB when "
            "the broker has compacted it",
            f"  {FEW} numbers: {idle}; while it compacts {during} ({len(self.during_milliseconds)} tasks)",
        ]


async def write_and_compact(machine: Machine, numbers: int, codes: Sequence[str], other: str) -> Compacted:
    """The worker is running before and afterwards. other: an area code that tasks beside it draw from."""
    one = Compacted()
    machine.stop()
    machine.say(f"{numbers:,} numbers over {len(codes)} area codes: writing facts")
    one.facts = await write_facts(machine.system, numbers, codes)
    with psycopg.connect(machine.system.database_url) as connection:
        connection.execute(INSERT_TASK, (TASK, USER, LEDGER_AGE))
    one.changelog_megabytes = machine.megabytes("*-ledger-changelog-*")
    machine.lose_state()
    machine.environment[variable("compact_seconds")] = "0"
    one.ready_after_loss_seconds = await asyncio.to_thread(machine.start)
    machine.say(f"ready after {one.ready_after_loss_seconds:.1f} s; small tasks, without compaction and during it")
    async with machine.load.client(USER) as client:
        await machine.load.one(client, USER, FEW, [other])  # makes its space known
        for _ in range(SAMPLES):
            one.idle_milliseconds.append((await machine.load.one(client, USER, FEW, [other])).seconds * 1000)
    machine.stop()
    machine.environment[variable("compact_seconds")] = "1"
    await asyncio.to_thread(machine.start)
    started = time.perf_counter()
    async with machine.load.client(USER) as client:
        while machine.system.metric(FACTS) < one.facts - len(codes) * FEWEST_FACTS:
            one.during_milliseconds.append((await machine.load.one(client, USER, FEW, [other])).seconds * 1000)
            await asyncio.sleep(0.1)
    one.seconds = time.perf_counter() - started
    machine.say(f"put together in {one.seconds:.0f} s; waiting for the broker")
    one.changelog_after_megabytes = await _cleaned(machine, one.changelog_megabytes / 2)
    for line in one.lines():
        machine.say(line)
    return one


async def _cleaned(machine: Machine, below: float) -> float:
    """Megabytes of the changelog once they are fewer, or when that takes too long."""
    deadline = time.perf_counter() + CLEANED_SECONDS
    while (size := machine.megabytes("*-ledger-changelog-*")) > below and time.perf_counter() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(1)
    return size
