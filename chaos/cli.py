"""The command line of the suite, and the one place where its pieces are put together."""

import asyncio
import contextlib
import itertools
import logging
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
from chaos.recovery import WAYS, measure
from chaos.report import command, recovery_table, table, verdict
from chaos.schedule import schedule
from chaos.screen import Screen
from chaos.suite import RoundResult, run_schedule
from chaos.system import built
from embedded import EmbeddedError
from pipeline.errors import NumberlineError

TABLE_WIDTH = 140  # where nothing says how wide the output is
console = Console(stderr=True, highlight=False)
BY_NAME = {fault.name(): fault for fault in FAULTS}


HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=HELP)
def cli() -> None:
    """Break numberline on this machine, and judge what is left.

    Starts a Kafka broker, PostgreSQL, workers and a gateway of its own, in a new temporary directory (under
    TMPDIR) and on free ports, and removes them at the end. Settings in NUMBERLINE_... variables that do not say
    where things are have their effect.
    """


@cli.command(
    "run",
    epilog="\b\nFaults:\n"
    + "\n".join(f"  {name:20} {fault.title()}" for name, fault in BY_NAME.items())
    + """

\b
Examples:
  python -m chaos run                              every fault once, in an order by chance
  python -m chaos run --seed 7                     the order, and all else, by this seed
  python -m chaos run --fault zombie --rounds 5    one fault, five times
  make chaos SEED=7                                the same through make
""",
)
@click.option("--seed", default=None, type=click.IntRange(0), help="Of the schedule; by chance without it.")
@click.option("--fault", "names", multiple=True, type=click.Choice(list(BY_NAME)), help="Only this; repeatable.")
@click.option("--rounds", default=None, type=click.IntRange(1, 1000), help="Faults in all; each once without it.")
def run_command(seed: int | None, names: tuple[str, ...], rounds: int | None) -> int:
    """Kill everything in turn while numbers are generated, and recompute that nothing is lost or twice.

    After each fault every task must be completed with exactly its quantity, and all topics and rows must agree.
    Exit status 0 when all was exact; 1 when it was not, and then the directory with all logs is kept.
    """
    faults = [BY_NAME[name] for name in names or BY_NAME]
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    count = rounds or len(faults)
    console.print(f"seed {seed}: {count} faults")
    with _directory() as (state, keep):
        results = run(state, seed, faults, count)
        _tables_on().print(table(results))
        _tables_on().print(verdict(results, count), soft_wrap=True, markup=False)
        _tables_on().print(f"Seed {seed}. Again: {command(seed, count, names)}", soft_wrap=True)
        exact = not any(result.violations for result in results)
        if not exact:
            keep()
    return 0 if exact else 1


@cli.command(
    epilog="""\b
Examples:
  python -m chaos recovery
  python -m chaos recovery --workers 1 --repeat 20
  python -m chaos recovery --way terminated
  NUMBERLINE_SESSION_TIMEOUT_SECONDS=6 python -m chaos recovery
"""
)
@click.option("--repeat", default=10, show_default=True, type=click.IntRange(1, 1000), help="Samples of each way.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 8), help="Worker processes.")
@click.option(
    "--way", "names", multiple=True, type=click.Choice([way.name for way in WAYS]), help="Only this; repeatable."
)
def recovery(repeat: int, workers: int, names: tuple[str, ...]) -> int:
    """Measure the time back to work: from a worker's end until all of its partitions store batches again.

    Exit status 0 when all was measured, whether or not the goals are met; 1 when a worker did not come back.
    """
    screen = Screen(console, repeat)
    with _directory() as (state, _), built(state, workers, screen.say) as system:
        ways = [way for way in WAYS if not names or way.name in names]
        samples = measure(system, ways, repeat, lambda way, sample: screen.say(f"{way.title}: {sample}"))
        _tables_on().print(recovery_table(samples))
    return 0


def _tables_on() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else TABLE_WIDTH)


def run(state: Path, seed: int, faults: Sequence[type[Fault]], count: int) -> tuple[RoundResult, ...]:
    """A whole schedule, on a system of its own in `state` for each number of brokers that is needed.

    Raises EmbeddedError, NumberlineError, ChaosError.
    """
    screen, results = Screen(console, count), list[RoundResult]()
    for brokers, part in itertools.groupby(schedule(seed, faults, count), lambda one: one.fault.brokers):
        rounds = tuple(part)
        directory = state / f"{brokers}-brokers"
        directory.mkdir()
        with built(directory, rounds[0].workers, screen.say, brokers) as system:
            results += asyncio.run(run_schedule(system, rounds, screen))
        if any(result.violations for result in results):
            break
    return tuple(results)


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
        """It is to be kept."""
        self.kept = True


def main() -> None:
    """Run the command. Exit 0: exact; 1: not, or it failed; 2: misused; 130: interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # what submits tasks meets every fault of the broker, and says so in dozens of lines
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted; everything is stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ChaosError, EmbeddedError, NumberlineError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
