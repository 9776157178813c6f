"""`python -m bench.scale`: fills a ledger, then measures it."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from rich.console import Console

from bench.about import about
from bench.scale.generated import MILLION, generate
from bench.scale.machine import Machine, machine
from bench.scale.measured import measure
from bench.scale.written import write_and_compact

console = Console(stderr=True, highlight=False)

# beyond the loaded area codes come those from which nothing is drawn but to compare
EMPTY = slice(8, 16)

OUT = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the figures go, as JSON.")


@click.group()
def scale() -> None:
    """Measure a large ledger on this machine, in a new temporary directory that is removed at the end."""


@scale.command(epilog="\b\nExample:\n  python -m bench.scale generated --out generated.json\n")
@click.option("--numbers", type=click.IntRange(MILLION), default=50 * MILLION, show_default=True)
@click.option("--area-codes", type=click.IntRange(16, 200), default=50, show_default=True, help="The largest.")
@click.option("--shared-buffers", default="128MB", show_default=True, help="PostgreSQL's, as it takes it.")
@OUT
def generated(numbers: int, area_codes: int, shared_buffers: str, out: Path | None) -> None:
    """Give all numbers out through the pipeline, a million after the other; takes minutes and gigabytes."""

    async def run(measured: Machine) -> list[Any]:
        codes = measured.largest_area_codes()
        loaded, rest = codes[:area_codes], codes[area_codes:]
        filled = await generate(measured, numbers, loaded)
        measured.stop()
        return [filled, await measure(measured, numbers, loaded, rest[EMPTY])]

    _report(run, out, {"shared_buffers": shared_buffers})


@scale.command(epilog="\b\nExample:\n  python -m bench.scale written --out written.json\n")
@click.option("--numbers", type=click.IntRange(MILLION), default=500 * MILLION, show_default=True)
@click.option("--area-codes", type=click.IntRange(16, 400), default=400, show_default=True, help="The largest.")
@OUT
def written(numbers: int, area_codes: int, out: Path | None) -> None:
    """Write the facts of all numbers, let the worker put them together beside small tasks, then measure."""

    async def run(measured: Machine) -> list[Any]:
        codes = measured.largest_area_codes()
        loaded, rest = codes[:area_codes], codes[area_codes:]
        compacted = await write_and_compact(measured, numbers, loaded, rest[0])
        measured.stop()
        return [compacted, await measure(measured, numbers, loaded, rest[EMPTY])]

    _report(run, out)


def _report(
    run: Callable[[Machine], Any], out: Path | None, postgres_settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    with machine(console.print, postgres_settings) as measured:
        described = about(measured.system, measured.state, sys.argv[1:])
        described["command"] = described["command"].replace("python -m bench", "python -m bench.scale")
        found = asyncio.run(run(measured))
    for one in found:
        for line in one.lines():
            click.echo(line)
    if out:
        figures = [asdict(one) for one in found]
        out.write_text(json.dumps({"about": described, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    scale()
