"""`python -m bench.uncounted`: what metrics cost a worker's speed, by the same tasks with and without them.

Two installations on the same servers, with a worker each: one counts as every worker does and is scraped each
second, the other counts nothing (`bench/worker.py`). In turns, each does one large task and then small ones.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console

from bench import procfs
from bench.about import about
from bench.errors import BenchError
from bench.load import Load
from bench.sizes import LATENCY_AREA_CODES, MILLION_AREA_CODES, SMALL
from bench.stats import median, quotients
from bench.system import PRODUCT, System, installed, installed_beside, servers
from bench.worker import UNCOUNTED
from numberline.client import Client

USER = "bench-uncounted"
SCRAPE_SECONDS = 1.0

console = Console(stderr=True, highlight=False)


@dataclass
class Side:
    """One of the two. Of each turn, in seconds: the large task, the median small one, the worker's processor."""

    system: System
    load: Load
    large: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def turn(self, client: Client, quantity: int, small: int) -> None:
        """The tasks of a turn."""
        await self.system.quiet()
        before = procfs.cpu_seconds(self.system.worker.pid)
        large = await self.load.one(client, USER, quantity, MILLION_AREA_CODES)
        codes = [LATENCY_AREA_CODES[number % len(LATENCY_AREA_CODES)] for number in range(small)]
        times = [(await self.load.one(client, USER, SMALL, [code])).seconds for code in codes]
        self.cpu.append(procfs.cpu_seconds(self.system.worker.pid) - before)
        self.large.append(large.seconds)
        self.small.append(median(times))


@click.command(epilog="\b\nExample:\n  python -m bench.uncounted --repeat 9\n")
@click.option("--quantity", default=200_000, show_default=True, help="Numbers of the large task of a turn.")
@click.option("--small", default=50, show_default=True, help=f"Tasks of {SMALL} numbers of a turn.")
@click.option("--repeat", default=9, show_default=True, type=click.IntRange(1, 100), help="Turns of each worker.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")
def main(quantity: int, small: int, repeat: int, out: Path | None) -> None:
    """Measure on a system of its own, which is removed at the end, and print medians and what counting adds."""
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-uncounted-")))
        kafka, postgres = stack.enter_context(servers(state, console.print))
        counted = stack.enter_context(installed(kafka, postgres, state, console.print, worker_kind=PRODUCT))
        kind = ("bench.worker", UNCOUNTED)
        bare = stack.enter_context(installed_beside(counted, "numberline-bench-uncounted", kind))
        stack.enter_context(scraped(counted.worker_metrics_url))
        described = about(counted, state, sys.argv[1:])
        sides = with_, without = [Side(one, Load(one.settings)) for one in (counted, bare)]
        asyncio.run(_measure(sides, quantity, small, repeat))
        for one in sides:
            if (account := one.load.settle()).disagreeing:
                raise BenchError(f"of these tasks not all is stored: {', '.join(account.disagreeing)}")
    _print(with_, without, quantity, small)
    if out:
        names = ("large", "small", "cpu")
        found = {
            name: {one: getattr(side, one) for one in names}
            for name, side in zip(("counted", "uncounted"), sides, strict=True)
        }
        out.write_text(json.dumps({"about": described, **found}, indent=2) + "\n")


async def _measure(sides: list[Side], quantity: int, small: int, repeat: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(side.load.client(USER)) for side in sides]
        pairs = list(zip(sides, clients, strict=True))
        for side, client in pairs:  # once unmeasured
            await Side(side.system, side.load).turn(client, quantity, small)
        for number in range(repeat):
            for side, client in pairs if number % 2 else reversed(pairs):
                await side.turn(client, quantity, small)
            console.print(f"turn {number + 1} of {repeat}")
        for side in sides:
            side.system.check()


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


def _print(counted: Side, bare: Side, quantity: int, small: int) -> None:
    for name, unit, times in (("large", "s", 1), ("small", "ms", 1000), ("cpu", "s", 1)):
        with_, without = getattr(counted, name), getattr(bare, name)
        what = {
            "large": f"a task of {quantity:,} numbers",
            "small": f"a task of {SMALL}, the median of {small}",
            "cpu": "the worker's processor time of a turn",
        }[name]
        more = quotients(with_, without)
        click.echo(
            f"{what}: {median(with_) * times:.4g} {unit} counted, {median(without) * times:.4g} {unit} not; "
            f"counted over not, turn by turn: {median(more):.3f} ({min(more):.3f} to {max(more):.3f})"
        )


if __name__ == "__main__":
    main()
