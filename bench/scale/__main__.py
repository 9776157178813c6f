"""`python -m bench.scale`: fills a ledger, then measures it."""

import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from rich.console import Console

from bench.about import about
from bench.scale.facts import facts_a_code
from bench.scale.generated import MILLION, generate
from bench.scale.machine import Machine, machine
from bench.scale.measured import measure
from bench.scale.rows import write
from bench.scale.written import write_and_compact
from pipeline.compact import FEWEST_FACTS

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
@click.option("--with", "settings", default="", help="Settings of PostgreSQL beside the embedded server's own.")
@OUT
def generated(numbers: int, area_codes: int, settings: str, out: Path | None) -> None:
    """Give all numbers out through the pipeline, a million after the other; takes minutes and gigabytes."""

    async def run(measured: Machine) -> list[Any]:
        codes = measured.largest_area_codes()
        loaded, rest = codes[:area_codes], codes[area_codes:]
        filled = await generate(measured, numbers, loaded)
        measured.stop()
        return [filled, await measure(measured, numbers, loaded, rest[EMPTY])]

    _report(run, out, _settings(settings))


@scale.command(epilog="\b\nExample:\n  python -m bench.scale written --out written.json\n")
@click.option("--numbers", type=click.IntRange(MILLION), default=500 * MILLION, show_default=True)
@click.option("--area-codes", type=click.IntRange(16, 400), default=400, show_default=True, help="The largest.")
@click.option(
    "--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of giving out and compacting."
)
@OUT
def written(numbers: int, area_codes: int, rounds: int, out: Path | None) -> None:
    """Write the facts of all numbers, let the worker put them together beside small tasks, then measure."""
    if (each := facts_a_code(numbers, area_codes) // rounds) < FEWEST_FACTS:
        raise click.UsageError(
            f"{each} facts an area code and round are too few to be put together: {FEWEST_FACTS}"
        )

    async def run(measured: Machine) -> list[Any]:
        codes = measured.largest_area_codes()
        loaded, rest = codes[:area_codes], codes[area_codes:]
        done = await write_and_compact(measured, numbers, loaded, rest[0], rounds)
        measured.stop()
        return [*done, await measure(measured, numbers, loaded, rest[EMPTY])]

    _report(run, out)


@scale.command(epilog="\b\nExample:\n  python -m bench.scale rows --with 'shared_buffers=1GB max_wal_size=8GB'\n")
@click.option("--numbers", type=click.IntRange(MILLION), default=50 * MILLION, show_default=True)
@click.option("--area-codes", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--with", "variants", multiple=True, help="Settings of PostgreSQL beside the embedded server's own.")
@OUT
def rows(numbers: int, area_codes: int, variants: tuple[str, ...], out: Path | None) -> None:
    """Only PostgreSQL: rows as the store writes them, first with no settings of yours, then with each of them."""
    found = [write(_settings(one), numbers, area_codes, console.print) for one in ("", *variants)]
    _tell(found, out, {"command": shlex.join(["python", "-m", "bench.scale", *sys.argv[1:]])})


def _settings(text: str) -> dict[str, str]:
    return dict(one.split("=", 1) for one in text.split())


def _report(
    run: Callable[[Machine], Any], out: Path | None, postgres_settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    with machine(console.print, postgres_settings) as measured:
        described = about(measured.system, measured.state, sys.argv[1:])
        described["command"] = described["command"].replace("python -m bench", "python -m bench.scale")
        found = asyncio.run(run(measured))
    _tell(found, out, described)


def _tell(found: Sequence[Any], out: Path | None, described: Mapping[str, str]) -> None:
    for one in found:
        for line in one.lines():
            click.echo(line)
    if out:
        figures = [asdict(one) for one in found]
        out.write_text(json.dumps({"about": described, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    scale()
