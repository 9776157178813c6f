"""`python -m bench.held`: statistics, pages and an export of a user who holds 50 million numbers.

The numbers are not generated: batches, their rows and their counts are written as the store leaves them, by its own
functions, and the worker folds the counts. A batch is 5,000 numbers of one area code that lie together.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import psycopg
from rich.console import Console

from agents.store import COPY_NUMBERS, INSERT_MARKER, copy_rows, marker
from bench.about import about
from bench.calls import Caller, calling
from bench.errors import BenchError
from bench.load import Load
from bench.sizes import MILLION_AREA_CODES
from bench.stats import percentile
from bench.system import System, installed, servers
from numberline.prefixes.shipped import SHIPPED, read_rows
from pipeline import numbering
from pipeline.binary_copy import HEADER, TRAILER
from pipeline.counts import counts_of
from pipeline.prefix_build import prefix_events, with_fictional
from pipeline.prefixes import AreaCode
from pipeline.settings import variable
from pipeline.tokens import TokenRules, sign
from schemas.events import NumbersEnriched

BATCH_NUMBERS = 5_000
MOST_BATCHES = 250  # of one area code
SAMPLES = 200
PAUSE_SECONDS = 0.02
USER = "bench-held"


Numbers = npt.NDArray[np.uint32]  # within their area code
PrefixIds = npt.NDArray[np.int32]

console = Console(stderr=True, highlight=False)


@dataclass
class Held:
    """What was measured with so many numbers held by one user, in batches over area codes. Milliseconds a call."""

    numbers: int
    batches: int = 0
    area_codes: int = 0
    load_seconds: float = 0.0
    fold_seconds: float = 0.0
    statistics: list[float] = field(default_factory=list)
    statistics_running: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)


@click.command(epilog="\b\nExample:\n  python -m bench.held --out held.json\n")
@click.option("--numbers", type=click.IntRange(BATCH_NUMBERS, 500_000_000), default=50_000_000, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")
def held(numbers: int, out: Path | None) -> None:
    """Measure on this machine, in a new temporary directory that is removed at the end."""
    os.environ[variable("http_calls_per_minute")] = "1000000"
    with contextlib.ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-held-")))
        kafka, postgres = stack.enter_context(servers(state, console.print))
        system = stack.enter_context(installed(kafka, postgres, state, console.print))
        described = about(system, state, sys.argv[1:])
        one = Held(numbers)
        console.print(f"{numbers:,} numbers")
        _load(system, one)
        console.print(f"stored in {one.load_seconds:.0f} s, folded {one.fold_seconds:.0f} s later; measuring")
        asyncio.run(_measure(system, one))
    click.echo(f"{one.numbers:,} numbers of one user, {one.batches:,} batches, {one.area_codes} area codes")
    for name, values in (
        ("statistics", one.statistics),
        ("statistics, while a million is made", one.statistics_running),
        ("page of 100 numbers", one.pages),
    ):
        of = [f"{percentile(values, percent):.1f}" for percent in (50, 95, 100)]
        click.echo(f"  {name}: p50 {of[0]} ms, p95 {of[1]} ms, slowest {of[2]} ms, of {len(values)}")
    if out:
        out.write_text(json.dumps({"about": described, "held": asdict(one)}, indent=2) + "\n")


def _load(system: System, one: Held) -> None:
    """Store the batches, and wait until the worker has folded their counts."""
    task = str(uuid.uuid4())
    started = time.perf_counter()
    with psycopg.connect(system.database_url) as connection:
        for prefixes, batches in _area_codes(one.numbers // BATCH_NUMBERS):
            parts = []
            for numbers, prefix_ids in batches:
                row = marker(
                    _batch(task, one.batches, prefixes, len(numbers)), counts_of(prefix_ids, prefixes, None)
                )
                inserted = connection.execute(INSERT_MARKER, row).fetchone()
                assert inserted is not None
                parts.append(copy_rows(numbering.e164(prefixes.area_code, numbers), inserted[0], prefix_ids))
                one.batches += 1
            with connection.cursor().copy(COPY_NUMBERS) as copy:
                copy.write(_joined(parts))
            connection.commit()
            one.area_codes += 1
        one.load_seconds = time.perf_counter() - started
        connection.execute("ANALYZE")
        connection.commit()
        while connection.execute("SELECT 1 FROM count_changes LIMIT 1").fetchone():
            connection.commit()
            time.sleep(0.1)
    one.fold_seconds = time.perf_counter() - started - one.load_seconds


def _area_codes(
    batches: int,
) -> Iterator[tuple[AreaCode, list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32]]]]]:
    """Area codes with their parts of so many batches."""
    shipped = (resources.files("numberline") / "data" / SHIPPED).read_bytes()
    events = prefix_events(with_fictional(read_rows(shipped)), 1, 1)
    blocks_a_batch = BATCH_NUMBERS // numbering.BLOCK
    for event in events:
        if event.area_code in MILLION_AREA_CODES:  # from these the worker draws, whose ledger knows nothing of ours
            continue
        prefixes = AreaCode(event)
        held = np.flatnonzero(prefixes.row_of_block >= 0)
        parts = [held[at : at + blocks_a_batch] for at in range(0, len(held) - blocks_a_batch, blocks_a_batch)]
        parts = parts[: min(batches, MOST_BATCHES)]
        if parts:
            yield prefixes, [_numbers(prefixes, blocks) for blocks in parts]
        batches -= len(parts)
    if batches:
        raise BenchError(f"the prefix data has no room for {batches} more batches")


def _numbers(prefixes: AreaCode, blocks: npt.NDArray[np.int64]) -> tuple[Numbers, PrefixIds]:
    numbers = (blocks[:, None] * numbering.BLOCK + np.arange(numbering.BLOCK)).reshape(-1)
    rows = prefixes.row_of_block[blocks]
    return numbers.astype(np.uint32), np.repeat(prefixes.first_prefix_id + rows, numbering.BLOCK).astype(np.int32)


def _batch(task: str, number: int, prefixes: AreaCode, count: int) -> NumbersEnriched:
    code = prefixes.area_code
    return NumbersEnriched(task, USER, number, None, code, count, prefixes.version, count, None, b"", b"")


def _joined(parts: list[bytes]) -> bytes:
    """COPY data one after the other: one header, one trailer."""
    rows = (part[len(HEADER) : -len(TRAILER)] for part in parts)
    return HEADER + b"".join(rows) + TRAILER


async def _measure(system: System, one: Held) -> None:
    load = Load(system.settings)
    token = sign(TokenRules.of(system.settings), USER, time.time(), 24 * 3600)
    async with calling(system.settings.http_port, token) as caller:
        first = await _counted(caller, one.numbers)
        for _ in range(SAMPLES):
            one.statistics.append(await caller.seconds("GET", "/api/statistics/") * 1000)
        path = "/api/numbers/?limit=100"
        for _ in range(SAMPLES):
            started = time.perf_counter()
            answer = await caller.call("GET", path)
            one.pages.append((time.perf_counter() - started) * 1000)
            path = "/" + json.loads(answer)["next"].split("/", 3)[3]
        async with load.client(USER) as client:
            running = asyncio.create_task(load.one(client, USER, 1_000_000, MILLION_AREA_CODES))
            while not running.done():
                one.statistics_running.append(await caller.seconds("GET", "/api/statistics/") * 1000)
                await asyncio.sleep(PAUSE_SECONDS)
            await running
        after = await _counted(caller, one.numbers + 1_000_000)
    if any(after["by_state"].get(state, 0) < count for state, count in first["by_state"].items()):
        raise BenchError("a count has fallen")


async def _counted(caller: Caller, numbers: int) -> dict[str, dict[str, int]]:
    """The statistics, each of whose parts adds up to all.  Raises BenchError."""
    found = json.loads(await caller.call("GET", "/api/statistics/"))
    sums = {sum(found[name].values()) for name in ("by_state", "by_carrier", "by_line_type", "by_area_code")}
    if {*sums, found["total"], found["unvalidated"]} != {numbers}:
        raise BenchError(f"{numbers:,} numbers are held, the statistics say {found['total']:,} and {sums}")
    return dict(found)


if __name__ == "__main__":
    held()
