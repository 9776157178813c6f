"""`python -m bench.without`: what each choice that makes the pipeline quick gives, by the same tasks without it.

For each choice two new installations on the same servers, with a worker each, both scraped each second: the
product's, and one that does without (`bench/changes.py`). In turns, each does one large task and then small ones.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import procfs
from bench.about import about
from bench.changes import CHANGES
from bench.errors import BenchError
from bench.load import Load
from bench.sizes import LATENCY_AREA_CODES, MILLION_AREA_CODES, SMALL
from bench.stats import median, quotients
from bench.system import PRODUCT, System, environment, installed, servers
from embedded import Kafka, Postgres
from numberline.client import Client
from pipeline.settings import variable

USER = "bench-without"
SCRAPE_SECONDS = 1.0

console = Console(stderr=True, highlight=False)


@dataclass
class Times:
    """Of each turn, in seconds: the large task, the median small one, the worker's processor."""

    large: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


@dataclass
class Side:
    """One of the two. fields: of the requests of its large tasks."""

    system: System
    load: Load
    client: Client
    fields: Mapping[str, Any]
    times: Times = field(default_factory=Times)

    async def turn(self, quantity: int, small: int) -> None:
        """The tasks of a turn."""
        await self.system.quiet()
        before = procfs.cpu_seconds(self.system.worker.pid)
        large = await self.load.one(self.client, USER, quantity, MILLION_AREA_CODES, self.fields)
        codes = [LATENCY_AREA_CODES[number % len(LATENCY_AREA_CODES)] for number in range(small)]
        times = [(await self.load.one(self.client, USER, SMALL, [code])).seconds for code in codes]
        self.times.processor.append(procfs.cpu_seconds(self.system.worker.pid) - before)
        self.times.large.append(large.seconds)
        self.times.small.append(median(times))


@click.command(
    epilog=f"\b\nNAME is one of\n  {', '.join(CHANGES)}\n\n"
    "\b\nExamples:\n  python -m bench.without\n  python -m bench.without uvloop handoff --repeat 15\n"
)
@click.argument("names", metavar="[NAME]...", nargs=-1, type=click.Choice(list(CHANGES)))
@click.option("--quantity", default=200_000, show_default=True, help="Numbers of the large task of a turn.")
@click.option("--small", default=50, show_default=True, help=f"Tasks of {SMALL} numbers of a turn.")
@click.option("--repeat", default=9, show_default=True, type=click.IntRange(1, 100), help="Turns of each worker.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")
def main(names: tuple[str, ...], quantity: int, small: int, repeat: int, out: Path | None) -> None:
    """Measure on servers of its own, which are removed at the end; without a NAME, one choice after the other.

    Prints a table: times without it over times with it, turn by turn. Above 1 it gives something.
    """
    found: dict[str, tuple[Times, Times]] = {}
    described: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-without-")))
        kafka, postgres = stack.enter_context(servers(state, console.print))
        click.echo(f"Large: {quantity:,} numbers. Small: {SMALL}, the median of {small}. Turns: {repeat}.\n")
        click.echo("| without | | large | small | worker's processor time |\n| --- | --- | --- | --- | --- |")
        for name in names or CHANGES:
            console.print(f"without {name}: {CHANGES[name].about}")
            with _both(kafka, postgres, state, name) as (product, other):
                described = described or about(product, state, sys.argv[1:])
                found[name] = asyncio.run(_turns(product, other, name, quantity, small, repeat))
            click.echo(row(name, *found[name]))
    if out:
        turns = {name: {"with": asdict(one), "without": asdict(other)} for name, (one, other) in found.items()}
        described["command"] = described["command"].replace("python -m bench", "python -m bench.without")
        out.write_text(json.dumps({"about": described, "turns": turns}, indent=2) + "\n")


def row(name: str, with_: Times, without: Times) -> str:
    """A line of the table: what the choice is, then of each of `Times` the turns' quotients, median and range."""
    cells = []
    for one, other in zip(asdict(without).values(), asdict(with_).values(), strict=True):
        ratios = quotients(one, other)
        cells.append(f"{median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})")
    return f"| {name} | {CHANGES[name].about} | {' | '.join(cells)} |"


@contextlib.contextmanager
def _both(kafka: Kafka, postgres: Postgres, state: Path, name: str) -> Iterator[tuple[System, System]]:
    """The product and a worker without a choice, both new: what was given out before makes tasks slower."""
    own = {variable(setting): value for setting, value in CHANGES[name].settings.items()}
    with contextlib.ExitStack() as stack:
        systems = []
        for kind, settings, namespace in (
            (PRODUCT, {}, f"with-{name}"),
            (("bench.worker", name), own, f"without-{name}"),
        ):
            (directory := state / namespace).mkdir()
            stack.enter_context(environment(settings))
            new = installed(kafka, postgres, directory, _silent, namespace, worker_kind=kind)
            systems.append(stack.enter_context(new))
        for system in systems:
            stack.enter_context(scraped(system.worker_metrics_url))
        yield systems[0], systems[1]


def _silent(text: str) -> None: ...


async def _turns(
    product: System, other: System, name: str, quantity: int, small: int, repeat: int
) -> tuple[Times, Times]:
    async with contextlib.AsyncExitStack() as stack:
        sides = []
        for system, fields in ((product, {}), (other, CHANGES[name].fields)):
            load = Load(system.settings)
            client = await stack.enter_async_context(load.client(USER))
            sides.append(Side(system, load, client, fields))
        for side in sides:
            await side.turn(quantity, small)
            side.times = Times()  # the first turn is not measured
        for number in range(repeat):
            for side in sides if number % 2 else reversed(sides):
                await side.turn(quantity, small)
            console.print(f"  turn {number + 1} of {repeat}")
        for side in sides:
            side.system.check()
            if (account := side.load.settle()).disagreeing:
                raise BenchError(f"of these tasks not all is stored: {', '.join(account.disagreeing)}")
    with_, without = sides
    return with_.times, without.times


@contextlib.contextmanager
def scraped(url: str) -> Iterator[None]:
    """Meanwhile, its metrics are read as Prometheus does, though more often."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_SECONDS):
            with urllib.request.urlopen(url, timeout=10) as answer:
                answer.read()

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
