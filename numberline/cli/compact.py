"""compact: keeps the ledger and the facts of tasks from growing for good."""

import asyncio
from datetime import timedelta

import click
from rich.console import Console
from rich.progress import Progress

from numberline import audit
from numberline import compact as compacting
from numberline.database import installed_partitions
from pipeline.compact import LEDGER_AGE, TASK_AGE
from pipeline.settings import load_settings

errors = Console(stderr=True)


@click.command(epilog="\b\nExamples:\n  numberline compact\n  numberline compact --days 30 --dry-run\n")
@click.option(
    "--days",
    default=LEDGER_AGE.days,
    show_default=True,
    type=click.IntRange(LEDGER_AGE.days, 3650),
    help="How old facts of the ledger must be.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def compact(days: int, dry_run: bool) -> None:
    """Put old facts of the ledger together, and let go of those of tasks that ended long ago.

    For a cron job, once a day. It sends commands to the workers, which may run all the while; each area code has
    one fact for all that is older than so many days, and a request that ended 45 days ago is not known again.
    """
    settings = load_settings()
    with Progress(console=errors, transient=True) as bar:
        reading = bar.add_task("reading the changelogs", total=2 * installed_partitions(settings))
        found = asyncio.run(
            compacting.find(settings, timedelta(days=days), lambda count: bar.update(reading, advance=count))
        )
        old = sum(len(command.facts) for command in found.compactions)
        if not dry_run:
            sending = bar.add_task("commands", total=len(found.compactions) + len(found.forgotten))
            with audit.attempt(settings, "compact", "ledger", facts=old, tasks_forgotten=found.tasks):
                asyncio.run(compacting.send(settings, found, lambda count: bar.update(sending, advance=count)))
    codes = len({command.area_code for command in found.compactions})
    verb = "would be put" if dry_run else "are being put"
    click.echo(f"{old:,} of {found.facts:,} facts of the ledger {verb} together, in {codes} area codes")
    click.echo(f"{found.tasks:,} tasks that ended more than {TASK_AGE.days} days ago are let go")
