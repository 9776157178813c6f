"""suppress: numbers that are never to be given out."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numberline import audit, suppressions
from numberline.cli.screen import screen
from numberline.cli.tokens import check_user
from numberline.database import database
from numberline.login import login_name
from numberline.number_file import read_numbers
from pipeline.notation import parse
from pipeline.number_list import NumberList, broken_rule
from pipeline.settings import load_settings

errors = Console(stderr=True)
USER = click.option(
    "--user",
    callback=check_user,
    help="This user's own list; everybody's without it.",
)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(
    epilog="""\b
Examples:
  numberline suppress import do-not-call.txt
  numberline suppress import customers.txt.gz --user ada
  numberline suppress add "+1 415 200 5000" 212-555-0199
  numberline suppress remove 4152005000
  numberline suppress list --area-code 415
  numberline suppress stats
"""
)
def suppress() -> None:
    """Keep numbers from ever being given out: everybody's list, and one of each user.

    A change is in force, when the command ends, for every batch planned after it. A number that was given out
    before stays given out.
    """


@suppress.command("import")
@click.argument("file", type=FILE)
@USER
@click.option("--skip-invalid", is_flag=True, help="Leave out lines that are no number, and count them.")
@click.option("--dry-run", is_flag=True, help="Read and check the file, and change nothing.")
def import_(file: Path, user: str | None, skip_invalid: bool, dry_run: bool) -> None:
    """Put the numbers of FILE on the list: one a line, in any usual notation, plain or gzip.

    A file with lines that are no numbers of the NANP changes nothing, unless --skip-invalid leaves them out.
    """
    numbers, invalid = _read(file, skip_invalid) if dry_run else _read_for("suppress", user, file, skip_invalid)
    left_out = f", {invalid:,} invalid lines left out" if invalid else ""
    if dry_run:
        click.echo(f"{len(numbers):,} numbers in {len(numbers.counts())} area codes{left_out}; nothing was changed")
        return
    there = _make(suppressions.Change(numbers, user, False, file.name, login_name()))
    click.echo(_added(len(numbers), there, user) + left_out)


@suppress.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")
@USER
def add(numbers: tuple[str, ...], user: str | None) -> None:
    """Put numbers on the list."""
    wanted = _numbers(numbers)
    there = _make(suppressions.Change(wanted, user, False, "command line", login_name()))
    click.echo(_added(len(wanted), there, user))


@suppress.command()
@click.argument("numbers", nargs=-1, metavar="[NUMBER...]")
@click.option("--file", "file", type=FILE, help="Take off all numbers of this file.")
@click.option("--skip-invalid", is_flag=True, help="Leave out lines of the file that are no number.")
@USER
def remove(numbers: tuple[str, ...], file: Path | None, skip_invalid: bool, user: str | None) -> None:
    """Take numbers off the list: they may be given out again."""
    if bool(numbers) == bool(file):
        raise click.UsageError("give the numbers, or --file")
    wanted = _read_for("unsuppress", user, file, skip_invalid)[0] if file else _numbers(numbers)
    source = file.name if file else "command line"
    there = _make(suppressions.Change(wanted, user, True, source, login_name()))
    missing = f"; {len(wanted) - there:,} were not on it" if there < len(wanted) else ""
    click.echo(f"{there:,} numbers taken off {_whose(user)}{missing}")


@suppress.command("list")
@USER
@click.option("--area-code", "-a", multiple=True, help="Of this area code alone. May be repeated.")
def list_(user: str | None, area_code: tuple[str, ...]) -> None:
    """Print the numbers on the list, one a line, in order."""
    for code in area_code:
        if not (len(code) == 3 and code.isascii() and code.isdigit()):
            raise click.BadParameter(f"{code} is not an area code of three digits", param_hint="--area-code")
    with database(load_settings()) as connection:
        numbers = suppressions.listed(connection, user, list(area_code))
    for number in numbers:
        sys.stdout.write(f"+{number}\n")


@suppress.command()
@click.option("--changes", default=10, show_default=True, type=click.IntRange(0, 10_000), help="Changes to show.")
def stats(changes: int) -> None:
    """Count the numbers on each list, and show the last changes."""
    with database(load_settings()) as connection:
        lists = {owner: suppressions.listed(connection, owner, []) for owner in suppressions.owners(connection)}
        made = suppressions.changes(connection, changes)
    counts = Table("list", "numbers", "area codes", "most in", box=None, pad_edge=False)
    for owner, numbers in lists.items():
        most = ", ".join(f"{code} {count:,}" for code, count in Counter(numbers.counts()).most_common(3))
        counts.add_row(_whose(owner), f"{len(numbers):,}", str(len(numbers.counts())), most)
    log = Table("when", "by", "list", "change", "numbers", "from", box=None, pad_edge=False)
    for one in made:
        change = ("removed" if one.removed else "added") + ("" if one.published else ", not yet sent")
        when = f"{one.made_at:%Y-%m-%d %H:%M:%S}"
        log.add_row(when, one.made_by, _whose(one.user_id), change, f"{one.count:,}", one.source)
    console = screen(140)
    console.print(counts if lists else "no number is suppressed")
    if made:
        console.print("", log)


def _read_for(action: str, user: str | None, file: Path, skip_invalid: bool) -> tuple[NumberList, int]:
    """A file's numbers for a change; one that is refused leaves an audit record."""
    subject = suppressions.subject_of(user)
    with audit.attempt(load_settings(), action, subject, source=file.name) as attempt:
        attempt.when_done = False  # whoever sends the change leaves its record
        return _read(file, skip_invalid)


def _read(file: Path, skip_invalid: bool) -> tuple[NumberList, int]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        shown = bar.add_task(f"reading {file.name}", total=file.stat().st_size if file.exists() else None)
        return read_numbers(file, skip_invalid, lambda count: bar.update(shown, advance=count))


def _numbers(texts: tuple[str, ...]) -> NumberList:
    found, invalid = NumberList(), []
    for text in texts:
        national = parse(text)
        if (rule := broken_rule(text, national)) is None:
            found.add(national)
        else:
            invalid.append(f"{text!r} {rule}")
    if invalid:
        raise click.UsageError("\n".join(invalid))
    return found


def _make(change: suppressions.Change) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        shown = bar.add_task("sending area codes", total=len(change.numbers.counts()))
        return asyncio.run(suppressions.make_change(load_settings(), change, lambda: bar.update(shown, advance=1)))


def _added(count: int, there: int, user: str | None) -> str:
    before = f"; {there:,} were on it before" if there else ""
    return f"{count - there:,} numbers put on {_whose(user)}{before}"


def _whose(user: str | None) -> str:
    return "everybody's list" if user is None else f"{user}'s list"
