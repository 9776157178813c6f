"""`python -m bench.scale`: a ledger of 50 and of 500 million numbers; sizes, restarts, memory, the cost of a batch.

The numbers are not generated: facts of 5,000 numbers, as allocate would have left them, are written into the
ledger's changelog. A fact holds every 1,600th number of an area code from one at random on, so that it has the size
of a random one, and so have all together.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import click
import numpy as np
import psycopg
from pyroaring import BitMap
from rich.console import Console

from bench import procfs
from bench.about import about
from bench.load import Load
from bench.stats import median, percentile
from bench.system import System, installed, servers
from numberline import compact
from numberline.client import kafka_producer
from numberline.ledger import installed_partitions, read_table
from numberline.processes import ManagedProcess
from pipeline import numbering
from pipeline.allocate import fact_key
from pipeline.settings import variable
from schemas import topics
from schemas.partitions import partition_for

FACT_NUMBERS = 5_000
STRIDE = numbering.NUMBERS // FACT_NUMBERS
FEW, BATCHES, ROUNDS = 100, 20, 7
READY_SECONDS = 600.0
USER = "bench-scale"
MEGABYTE = 1e6

console = Console(stderr=True, highlight=False)
Say = Callable[[str], None]


@dataclass
class Scale:
    """What was measured with so many numbers in the ledger. Seconds and megabytes (10**6 bytes)."""

    numbers: int
    area_codes: int
    facts: int = 0
    changelog_megabytes: float = 0.0
    local_megabytes: float = 0.0
    ready_after_loss_seconds: float = 0.0
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


@dataclass
class Machine:
    """The measured system, whose worker is started and stopped again and again."""

    system: System
    state: Path
    worker: ManagedProcess
    load: Load

    def stop(self) -> None:
        """End the worker, as an operator does."""
        self.worker.stop()

    def start(self) -> float:
        """Start the worker; seconds until it has its partitions and tables."""
        started = time.perf_counter()
        port = self.system.worker_metrics_url.rpartition(":")[2].partition("/")[0]
        environment = {variable("metrics_port"): port}
        log = self.state / "logs" / "worker.log"
        self.worker = ManagedProcess("worker", "worker", environment, log, self.system.incidents.append)
        self.worker.start()
        while not self.system.worker_ready():
            if time.perf_counter() - started > READY_SECONDS:
                raise click.ClickException(f"the worker is not ready within {READY_SECONDS:g} s; see {log}")
            time.sleep(0.05)
        return time.perf_counter() - started

    def lose_state(self) -> None:
        """Remove the worker's local copies."""
        shutil.rmtree(self.state / "workers")


@click.command(epilog="\b\nExample:\n  python -m bench.scale --out scale.json\n")
@click.option("--numbers", multiple=True, type=int, default=(50_000_000, 500_000_000), show_default=True)
@click.option("--area-codes", multiple=True, type=int, default=(50, 400), show_default=True, help="Of each.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")
def scale(numbers: tuple[int, ...], area_codes: tuple[int, ...], out: Path | None) -> None:
    """Measure a large ledger on this machine, in a new temporary directory that is removed at the end."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-scale-")))
        kafka, postgres = stack.enter_context(servers(state, console.print))
        system = stack.enter_context(installed(kafka, postgres, state, console.print))
        machine = Machine(system, state, system.worker, Load(system.settings))
        stack.callback(machine.stop)
        described = about(system, state, sys.argv[1:])
        codes = list(_largest(system))
        found = []
        for count, spread in zip(numbers, area_codes, strict=True):
            found.append(asyncio.run(_measure(machine, Scale(count, spread), codes)))
        found.append(asyncio.run(_compacted(machine, found[-1], codes)))
    for one in found:
        _show(one)
    if out:
        figures = [asdict(one) | {"cost": one.cost} for one in found]
        out.write_text(json.dumps({"about": described, "scales": figures}, indent=2) + "\n")


def _largest(system: System) -> Iterator[str]:
    """Area codes, those with the most numbers first."""
    with psycopg.connect(system.database_url) as connection:
        yield from (
            str(code)
            for (code,) in connection.execute(
                "SELECT area_code FROM prefixes GROUP BY 1 ORDER BY sum(bit_count(blocks::int::bit(16))) DESC"
            )
        )


async def _measure(machine: Machine, one: Scale, codes: Sequence[str]) -> Scale:
    """Write the facts that are missing, then measure."""
    loaded, empty = codes[: one.area_codes], codes[one.area_codes + 8 : one.area_codes + 16]
    console.print(f"{one.numbers:,} numbers over {one.area_codes} area codes: writing facts")
    machine.stop()
    await _write_facts(machine.system, one.numbers, loaded)
    await _figures(machine, one, loaded, empty)
    return one


async def _compacted(machine: Machine, before: Scale, codes: Sequence[str]) -> Scale:
    """The same once more, when each area code has one fact."""
    one = Scale(before.numbers, before.area_codes)
    loaded, empty = codes[: one.area_codes], codes[one.area_codes + 16 : one.area_codes + 24]
    console.print("compacting")
    settings = machine.system.settings
    found = await compact.find(settings, timedelta(0), lambda count: None)
    await compact.send(settings, found, lambda count: None)
    while (await compact.find(settings, timedelta(0), lambda count: None)).compactions:  # noqa: ASYNC110
        await asyncio.sleep(1)
    machine.stop()
    await _figures(machine, one, loaded, empty)
    return one


async def _figures(machine: Machine, one: Scale, loaded: Sequence[str], empty: Sequence[str]) -> None:
    settings = machine.system.settings
    for partition in range(installed_partitions(settings)):
        one.facts += len(await read_table(settings, "ledger", partition))
    one.changelog_megabytes = _megabytes(machine.state, "*-ledger-changelog-*")
    machine.lose_state()
    console.print("restart without the local state")
    one.ready_after_loss_seconds, one.first_batch_after_loss_seconds = await _first_batch(machine, loaded[0])
    machine.stop()
    one.local_megabytes = _megabytes(machine.state, "ledger-*.db")
    console.print("restart with the local state")
    _, one.first_batch_after_restart_seconds = await _first_batch(machine, loaded[1])
    one.worker_megabytes = procfs.memory(machine.worker.pid).resident
    console.print("batches over loaded and over empty area codes, in turns")
    async with machine.load.client(USER) as client:
        for round_ in range(ROUNDS + 1):
            for seconds, chosen in ((one.loaded_seconds, loaded[8:16]), (one.empty_seconds, empty)):
                done = await machine.load.one(client, USER, BATCHES * FACT_NUMBERS, chosen)
                if round_:  # the first only makes the unions and spaces known
                    seconds.append(done.seconds)
        for code in loaded:
            await machine.load.one(client, USER, FEW, [code])
    one.worker_all_area_codes_megabytes = procfs.memory(machine.worker.pid).resident


async def _first_batch(machine: Machine, code: str) -> tuple[float, float]:
    """Seconds from the worker's start until it is ready, and until numbers of an area code are delivered."""
    started = time.perf_counter()
    ready = await asyncio.to_thread(machine.start)
    async with machine.load.client(USER) as client:
        await machine.load.one(client, USER, FEW, [code])
    return ready, time.perf_counter() - started


async def _write_facts(system: System, numbers: int, codes: Sequence[str]) -> None:
    """Facts in turn over the area codes; those of a smaller scale are written again, the same."""
    settings = system.settings
    partitions, topic = installed_partitions(settings), topics.changelog_name(settings.namespace, "ledger")
    async with kafka_producer(settings) as producer:
        sent = []
        async for code, key, value in facts_of(numbers, codes):
            sent.append(await producer.send(topic, value, key, partition=partition_for(code, partitions)))
            if len(sent) == 2_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)


async def facts_of(numbers: int, codes: Sequence[str]) -> AsyncIterator[tuple[str, bytes, bytes]]:
    """Area code, key and fact; no number is in two of an area code's."""
    each = numbers // FACT_NUMBERS // len(codes)
    for code in codes:
        firsts = np.random.default_rng(int(code)).permutation(STRIDE)
        for batch in range(each):
            held = BitMap(np.arange(firsts[batch], numbering.NUMBERS, STRIDE, dtype=np.uint32))
            yield code, fact_key(code, "00000000-0000-5000-8000-000000000000", batch), bytes(held.serialize())
        await asyncio.sleep(0)


def _megabytes(state: Path, pattern: str) -> float:
    """What the directories of this name hold on the disk."""
    files = (
        file for found in state.rglob(pattern) if found.is_dir() for file in found.rglob("*") if file.is_file()
    )
    return sum(file.stat().st_size for file in files) / MEGABYTE


def _show(one: Scale) -> None:
    click.echo(f"{one.numbers:,} numbers, {one.area_codes} area codes, {one.facts:,} facts")
    click.echo(f"  changelog {one.changelog_megabytes:,.0f} MB, local copy {one.local_megabytes:,.0f} MB")
    click.echo(f"  first batch after loss of the local state {one.first_batch_after_loss_seconds:.1f} s")
    click.echo(f"  first batch after a restart {one.first_batch_after_restart_seconds:.1f} s")
    click.echo(
        f"  worker {one.worker_megabytes:,.0f} MB, with every area code in memory "
        f"{one.worker_all_area_codes_megabytes:,.0f} MB"
    )
    worst = percentile(one.loaded_seconds, 100) / median(one.empty_seconds)
    click.echo(f"  {BATCHES} batches, loaded over empty area codes: {one.cost:.2f} x (slowest {worst:.2f} x)")


if __name__ == "__main__":
    scale()
