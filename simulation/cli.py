"""The command line of the simulation."""

import json
import sys
from pathlib import Path

import click

from simulation import costs as measured
from simulation.cases import PARTITIONS_A_WORKER, SECONDS, arriving, carried, percentile
from simulation.cluster import Shape
from simulation.tables import page

SEED = 1
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
BEGIN, END = "<!-- python -m simulation tables -->", "<!-- end -->"


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  python -m simulation tables
  python -m simulation tables --write
  python -m simulation cluster --workers 8 --databases 2 --tasks-a-minute 2000
  python -m simulation take docs/benchmarks/results.json
""",
)
def main() -> None:
    """Simulate larger installations out of measured costs, simulation/costs.json. Same seed, same words."""


@main.command()
@click.option("--seed", default=SEED, show_default=True, help="Of the arrivals.")
@click.option("--write", is_flag=True, help="Put them into docs/scaling.md.")
def tables(seed: int, write: bool) -> None:
    """The tables of docs/scaling.md: measured runs again, clusters, tasks a minute."""
    made = page(measured.read(), seed)
    click.echo(made)
    if write:
        DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), made))


def with_tables(document: str, made: str) -> str:
    """The document with these tables in place of its own."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n{END}{rest.partition(END)[2]}"


@main.command()
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--partitions", type=click.IntRange(1, 1000), help="Four a worker without.")
@click.option("--databases", default=1, show_default=True, type=click.IntRange(1, 64), help="PostgreSQL servers.")
@click.option("--processors", default=8, show_default=True, type=click.IntRange(1, 256), help="Of each server.")
@click.option("--tasks-a-minute", type=click.IntRange(1, 100_000), help="Of mixed sizes, beside what it can carry.")
@click.option("--seed", default=SEED, show_default=True, help="Of the arrivals.")
def cluster(
    workers: int, partitions: int | None, databases: int, processors: int, tasks_a_minute: int | None, seed: int
) -> None:
    """What one cluster carries, and how long small tasks take there."""
    costs = measured.read()
    shape = Shape(workers, partitions or PARTITIONS_A_WORKER * workers, databases, processors)
    outcome = carried(costs, shape).outcome
    name, part = outcome.busiest
    click.echo(f"{outcome.rate:,.0f} numbers a second; busiest is {name}, {part:.0%}")
    if tasks_a_minute:
        found = arriving(costs, tasks_a_minute, shape, seed)
        p50, p95 = (percentile(found.waits, percent) * 1000 for percent in (50, 95))
        name, part = found.outcome.busiest
        over = found.outcome.seconds - SECONDS
        click.echo(
            f"{tasks_a_minute:,} tasks a minute: those of 100 numbers take p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"
        )
        click.echo(f"busiest is {name}, {part:.0%}; the last task ends {max(0.0, over):.1f} s after the last came")


@main.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def take(results: tuple[Path, ...]) -> None:
    """Take the costs out of results.json of one or several runs of `python -m bench`.

    They must have the parts million, latency and resources between them, from one machine; what they have of the
    part workers is compared as well.
    """
    try:
        measured.write(measured.of_results([json.loads(path.read_text()) for path in results]))
    except measured.CostsMissing as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
    click.echo(f"written: {measured.KEPT}")
