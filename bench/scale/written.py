"""A ledger whose facts are written into its changelog, and how the worker puts them together while it works.

In rounds, as an installation lives: a part of the numbers is given out, grows old, is put together by the worker,
and the broker compacts what is left of the topic. Only the giving out is simulated: the facts are written as
allocate would have left them, with a task that ended long ago. The rest is the product's own.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from bench import procfs
from bench.procfs import MEGABYTE
from bench.scale.facts import TASK, write_facts
from bench.scale.machine import Machine
from bench.scale.measured import FEW, USER
from bench.stats import percentile
from numberline.database import installed_partitions
from numberline.ledger import read_table
from pipeline.compact import LEDGER_AGE
from pipeline.settings import variable

IDLE_SECONDS = 30  # the worker looks for old facts so long after its start
CLEANED_SECONDS = 90.0  # for the broker to compact the changelog, which it looks at every 15 s
UNCHANGED_SECONDS = 20.0
PAUSE_SECONDS = 0.05  # between two small tasks
FACTS = 'numberline_facts_let_go_total{table="ledger"}'

# a row of a task that ended long ago; nothing but its end is looked at
INSERT_TASK = """
INSERT INTO task_states (
    task_id, sequence, request_id, user_id, type, status, quantity, processed_items, succeeded, failed_items,
    batches_done, batches_total, current_step, created_at, updated_at, completed_at
) VALUES (%s, 1, 'bench', %s, 'generate', 'completed', 1, 1, 1, 0, 1, 1, 'done', now(), now(), now() - %s * 2)
"""


@dataclass
class Round:
    """Facts written and put together. Megabytes (10**6 bytes) of the changelog on the broker's disk, and of what it
    stands for; milliseconds of tasks of 100 numbers, one after the other, before it and during it."""

    facts: int
    ready_seconds: float = 0.0
    written_megabytes: float = 0.0
    seconds: float = 0.0
    together_megabytes: float = 0.0
    cleaned_megabytes: float = 0.0
    held_megabytes: float = 0.0
    worker_peak_megabytes: float = 0.0
    idle_milliseconds: list[float] = field(default_factory=list)
    during_milliseconds: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a person."""
        idle, during = (
            ", ".join(f"p{percent} {percentile(values, percent):.0f} ms" for percent in (50, 95))
            for values in (self.idle_milliseconds, self.during_milliseconds)
        )
        return [
            f"{self.facts:,} facts more, read by the worker in {self.ready_seconds:.1f} s",
            f"  put together in {self.seconds:.0f} s, worker's peak {self.worker_peak_megabytes:,.0f} MB",
            f"  changelog {self.written_megabytes:,.0f} MB before, {self.together_megabytes:,.0f} MB then, "
            f"{self.cleaned_megabytes:,.0f} MB when the broker has compacted it; it stands for "
            f"{self.held_megabytes:,.0f} MB",
            f"  {FEW} numbers: {idle} ({len(self.idle_milliseconds)} tasks); while it compacts {during} "
            f"({len(self.during_milliseconds)} tasks)",
        ]


async def write_and_compact(
    machine: Machine, numbers: int, codes: Sequence[str], other: str, rounds: int
) -> list[Round]:
    """The worker is running before and afterwards. other: an area code that tasks beside it draw from."""
    machine.environment[variable("compact_seconds")] = str(IDLE_SECONDS)
    with psycopg.connect(machine.system.database_url) as connection:
        connection.execute(INSERT_TASK, (TASK, USER, LEDGER_AGE))
    async with machine.load.client(USER) as client:
        await machine.load.one(client, USER, FEW, [other])  # its first numbers, before there is anything else
    done = []
    for number in range(rounds):
        machine.stop()
        machine.say(f"round {number + 1} of {rounds}: writing facts of {numbers // rounds:,} numbers")
        one = Round(await write_facts(machine.system, numbers, codes, number, rounds))
        one.written_megabytes = machine.megabytes("*-ledger-changelog-*")
        one.ready_seconds = await asyncio.to_thread(machine.start)
        machine.say(f"ready after {one.ready_seconds:.1f} s; small tasks, before compaction and during it")
        await _put_together(machine, one, other)
        one.together_megabytes = machine.megabytes("*-ledger-changelog-*")
        one.worker_peak_megabytes = procfs.memory(machine.worker.pid).peak
        machine.say(f"put together in {one.seconds:.0f} s; waiting for the broker")
        one.cleaned_megabytes = await _cleaned(machine)
        one.held_megabytes = await _held(machine)
        done.append(one)
        for line in one.lines():
            machine.say(line)
    return done


async def _put_together(machine: Machine, one: Round, other: str) -> None:
    """Small tasks all the while; returns when the facts of this round are gone."""
    began = time.perf_counter()
    async with machine.load.client(USER) as client:
        while (gone := machine.system.metric(FACTS)) < one.facts:
            if not gone:
                began = time.perf_counter()
            milliseconds = (await machine.load.one(client, USER, FEW, [other])).seconds * 1000
            (one.during_milliseconds if gone else one.idle_milliseconds).append(milliseconds)
            await asyncio.sleep(PAUSE_SECONDS)
    one.seconds = time.perf_counter() - began
    del one.idle_milliseconds[
        : len(one.idle_milliseconds) // 2
    ]  # after a start it tells the usage of all area codes


async def _cleaned(machine: Machine) -> float:
    """Megabytes of the changelog once they grow fewer no more, or when that takes too long."""
    deadline = time.perf_counter() + CLEANED_SECONDS
    least, since = machine.megabytes("*-ledger-changelog-*"), time.perf_counter()
    while time.perf_counter() < min(deadline, since + UNCHANGED_SECONDS):
        await asyncio.sleep(1)
        if (size := machine.megabytes("*-ledger-changelog-*")) < least:
            least, since = size, time.perf_counter()
    return least


async def _held(machine: Machine) -> float:
    """Megabytes of the facts that the changelog has by now."""
    settings, size = machine.system.settings, 0
    for partition in range(installed_partitions(settings)):
        size += sum(map(len, (await read_table(settings, "ledger", partition)).values()))
    return size / MEGABYTE
