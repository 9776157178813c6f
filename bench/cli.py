"""The command line of the suite, and the one place where its pieces are put together."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console

from bench.about import ROOT, about
from bench.apart import interpreter
from bench.duration import foreseen
from bench.errors import BenchError
from bench.parts import PARTS
from bench.report import JSON, tables, write
from bench.results import Results
from bench.screen import Screen
from bench.sizes import Sizes
from bench.suite import CutShort, run_parts
from bench.system import installed, servers
from embedded import EmbeddedError
from pipeline.errors import NumberlineError

TABLE_WIDTH = 120  # where nothing says how wide the output is
console = Console(stderr=True, highlight=False)
NAMES = tuple(part.name for part in PARTS)
DEFAULT_OUT = ROOT / "docs" / "benchmarks"
CUT_SHORT_OUT = ROOT / ".numberline" / "bench" / "cut-short"  # instead of it: those are the results of whole runs


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"""\b
Parts, in their order: {", ".join(NAMES)}

\b
Examples:
  python -m bench                                 all of it, into docs/benchmarks/
  python -m bench --part latency --part mixed --out /tmp/results
  python -m bench --scale 0.001 --repeat 1 --out /tmp/trial
  NUMBERLINE_WINDOW=16 python -m bench --part mixed --out /tmp/window-16
""",
)
@click.option("--part", "names", multiple=True, type=click.Choice(NAMES), help="Only this part. May be repeated.")
@click.option("--repeat", default=3, show_default=True, type=click.IntRange(1, 100), help="Repetitions of each.")
@click.option(
    "--out",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where results.md, results.json and the plots go; docs/benchmarks for a run of all parts in full.",
)
@click.option(
    "--scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Sizes as a part of the full ones, to try the suite out; goals are judged at 1 alone.",
)
def bench(names: tuple[str, ...], repeat: int, out: Path | None, scale: float) -> int:
    """Measure numberline on this machine, each figure beside its floor, and write what was found.

    Starts a Kafka broker, PostgreSQL, one worker and one gateway of its own, in a new temporary directory
    (under TMPDIR) and on free ports, and removes them at the end. Settings in NUMBERLINE_... variables that do
    not say where things are have their effect, and are named in the report.

    Exit status 0 when all was measured, whether or not the goals are met; 1 when something failed, or where
    PostgreSQL holds other rows than were reported. Where a part fails, those before it are written, a run of all
    parts to .numberline/bench/cut-short.
    """
    if out is None and (names or scale != 1):
        raise click.UsageError("only a run of all parts in full replaces docs/benchmarks: give another --out")
    if scale == 1:
        console.print(foreseen(DEFAULT_OUT / JSON, names or NAMES, repeat))
    results = measure(names or NAMES, Sizes.scaled(scale), repeat, scale)
    tables_on = Console(highlight=False, width=None if sys.stdout.isatty() else TABLE_WIDTH)
    for table in tables(results):
        tables_on.print(table, "")
    for path in write(results, out or (CUT_SHORT_OUT if results.cut_short else DEFAULT_OUT)):
        console.print(f"[dim]written:[/] {path}")
    if results.cut_short:
        raise BenchError(results.cut_short)
    if results.disagreeing:
        raise BenchError(f"PostgreSQL does not hold what was reported: tasks {', '.join(results.disagreeing)}")
    return 0


def measure(names: Sequence[str], sizes: Sizes, repeat: int, scale: float) -> Results:
    """Start a system, run these parts on it, and leave nothing behind.

    Raises EmbeddedError, NumberlineError, BenchError where not a single part was measured.
    """
    parts = [part for part in PARTS if part.name in names]
    with contextlib.ExitStack() as stack:
        screen = stack.enter_context(Screen(console))
        for name in ("plots", *sorted({part.apart for part in parts if part.apart})):
            interpreter(name, screen.say)
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="numberline-bench-"))
        state = Path(directory)
        kafka, postgres = stack.enter_context(servers(state, screen.say))
        system = stack.enter_context(installed(kafka, postgres, state, screen.say))
        stack.enter_context(_undisturbed_end())
        described = about(system, state, sys.argv[1:])
        try:
            return Results(described, scale, repeat, asyncio.run(run_parts(parts, system, sizes, repeat, screen)))
        except CutShort as cut:
            if not cut.measured:
                raise
            return Results(described, scale, repeat, cut.measured, str(cut))


@contextlib.contextmanager
def _undisturbed_end() -> Iterator[None]:
    """From its end on, a second Ctrl-C does not keep the processes from being stopped."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Run the command. Exit 0: measured; 1: it failed; 2: misused; 130: interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(bench.main(standalone_mode=False))
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted; everything is stopped, nothing was written", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (BenchError, EmbeddedError, NumberlineError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
