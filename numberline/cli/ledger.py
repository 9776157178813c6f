"""ledger: is it whole, and how it becomes so again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from numberline import audit
from numberline import ledger as ledgers
from numberline.cli.screen import progress_bar
from numberline.ledger import snapshot
from pipeline.settings import load_settings

errors = Console(stderr=True)


@click.group()
def ledger() -> None:
    """Look after the ledger: which numbers were given out, and to which batch."""


@ledger.command(epilog="\b\nExample:\n  numberline ledger verify\n")
def verify() -> int:
    """Compare the ledger with the rows of PostgreSQL, and say every difference.

    It may run while workers do. Exit status 1 where there is a difference.
    """
    settings = load_settings()
    with snapshot(settings) as rows, _bar("numbers compared", rows.numbers) as each:
        verified = asyncio.run(ledgers.verify(settings, rows, each))
    found = verified.area_codes
    lacking = [f"{one.area_code}: {difference}" for one in found for difference in one.lacking]
    others = [f"{one.area_code}: {difference}" for one in found for difference in one.others]
    if missing := verified.suppressions_missing:
        lacking.append(f"{missing} changes of what is suppressed: not in the ledger, or not read by a worker yet")
    for difference in (*lacking, *others):
        click.echo(difference)
    drawn, stored = sum(one.drawn for one in found), sum(one.stored for one in found)
    click.echo(f"{drawn:,} numbers in the ledger, {stored:,} in PostgreSQL, {len(found)} area codes")
    if waiting := sum(one.not_stored for one in found):
        click.echo(f"{waiting:,} are drawn and not stored: in flight, or of batches that failed")
    differences = len(lacking) + len(others)
    click.echo(f"{differences:,} differences" if differences else "they agree")
    if lacking:
        click.echo(
            f"{len(lacking):,} are what the ledger lacks: stop all workers, then `numberline ledger rebuild`",
            err=True,
        )
    if others:
        click.echo(
            f"{len(others):,} are of rows, which no command changes; nothing is given out twice for them: "
            'docs/storage.md, "What a difference means", says where each comes from',
            err=True,
        )
    return 1 if differences else 0


@ledger.command(epilog="\b\nExample:\n  numberline ledger rebuild\n")
def rebuild() -> None:
    """Write into the ledger what it lacks of the rows of PostgreSQL.

    For a ledger that was lost, or a part of it. All workers must be stopped: on one machine `numberline up
    --workers 0` starts the servers without them. What is there stays as it is; copies of the tables in the state
    directory of this machine are removed, for workers recover them from the changelogs.
    """
    settings = load_settings()
    with (
        snapshot(settings) as rows,
        audit.attempt(settings, "rebuild ledger", "ledger") as attempt,
        _bar("numbers read", rows.numbers) as each,
    ):
        written = asyncio.run(ledgers.rebuild(settings, rows, each))
        attempt.details |= {"facts": written.facts, "bytes": written.size}
    click.echo(f"{written.facts:,} facts written, {written.size / 1e6:,.1f} MB")
    click.echo(
        "Workers on other machines: remove workers/*/*/tables/*.db in their NUMBERLINE_STATE_DIR before "
        "they start.",
        err=True,
    )


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    with progress_bar(errors, transient=True) as bar:
        shown = bar.add_task(what, total=total)
        yield lambda count: bar.update(shown, advance=count)
