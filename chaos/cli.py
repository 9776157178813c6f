"""The command line of the suite, and the one place where its pieces are put together."""

import asyncio
import contextlib
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console

from chaos.errors import ChaosError
from chaos.fault import Fault
from chaos.faults import FAULTS
from chaos.report import command, table, verdict
from chaos.schedule import schedule
from chaos.screen import Screen
from chaos.suite import RoundResult, run_schedule
from chaos.system import built
from embedded import EmbeddedError
from pipeline.errors import NumberlineError

TABLE_WIDTH = 140  # where nothing says how wide the output is
console = Console(stderr=True, highlight=False)
BY_NAME = {fault.name(): fault for fault in FAULTS}


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nFaults:\n"
    + "\n".join(f"  {name:20} {fault.title()}" for name, fault in BY_NAME.items())
    + """

\b
Examples:
  python -m chaos                                  every fault once, in an order by chance
  python -m chaos --seed 7                         the order, and all else, by this seed
  python -m chaos --fault zombie --rounds 5        one fault, five times
  make chaos SEED=7                                the same through make
""",
)
@click.option("--seed", default=None, type=click.IntRange(0), help="Of the schedule; by chance without it.")
@click.option(
    "--fault", "names", multiple=True, type=click.Choice(list(BY_NAME)), help="Only this. May be repeated."
)
@click.option("--rounds", default=None, type=click.IntRange(1, 1000), help="Faults in all; each once without it.")
def chaos(seed: int | None, names: tuple[str, ...], rounds: int | None) -> int:
    """Kill everything in turn while numbers are generated, and recompute that nothing is lost or twice.

    Starts a Kafka broker, PostgreSQL, workers and a gateway of its own, in a new temporary directory (under
    TMPDIR) and on free ports, and removes them at the end. After each fault every task must be completed with
    exactly its quantity, and all topics and rows must agree.

    Exit status 0 when all was exact; 1 when it was not, and then the directory with all logs is kept.
    """
    faults = [BY_NAME[name] for name in names or BY_NAME]
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    count = rounds or len(faults)
    console.print(f"seed {seed}: {count} faults")
    with _directory() as (state, keep):
        results = run(state, seed, faults, count)
        tables_on = Console(highlight=False, width=None if sys.stdout.isatty() else TABLE_WIDTH)
        tables_on.print(table(results))
        tables_on.print(verdict(results, count), soft_wrap=True, markup=False)
        tables_on.print(f"Seed {seed}. Again: {command(seed, count, names)}", soft_wrap=True)
        exact = not any(result.violations for result in results)
        if not exact:
            keep()
    return 0 if exact else 1


def run(state: Path, seed: int, faults: Sequence[type[Fault]], count: int) -> tuple[RoundResult, ...]:
    """A whole schedule on a system of its own in `state`.  Raises EmbeddedError, NumberlineError, ChaosError."""
    rounds = schedule(seed, faults, count)
    screen = Screen(console, count)
    with built(state, rounds[0].workers, screen.say) as system:
        return asyncio.run(run_schedule(system, rounds, screen))


@contextlib.contextmanager
def _directory() -> Iterator[tuple[Path, "Keep"]]:
    """A temporary directory, removed at the end unless it is to be kept or something failed."""
    path = Path(tempfile.mkdtemp(prefix="numberline-chaos-"))
    keep = Keep()
    try:
        yield path, keep
    except Exception:
        keep()
        raise
    finally:
        if keep.kept:
            console.print(f"logs and data are kept in {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


class Keep:
    """Called when the directory is to be kept."""

    def __init__(self) -> None:
        self.kept = False

    def __call__(self) -> None:
        self.kept = True


def main() -> None:
    """Run the command. Exit 0: exact; 1: not, or it failed; 2: misused; 130: interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(chaos.main(standalone_mode=False))
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted; everything is stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ChaosError, EmbeddedError, NumberlineError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
