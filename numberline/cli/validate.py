"""validate: verdicts on a file here, or on what an installation holds."""

import time
import uuid
from collections import Counter
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from numberline.cli.held import judge_changed, judge_held
from numberline.cli.screen import plain
from numberline.cli.tasks import owner_of
from numberline.cli.tokens import check_user
from numberline.holders import installed_holders, shipped_holders
from numberline.list_files import STANDARD, Source, judge_file
from numberline.login import login_name
from numberline.suppressions import suppressed_for
from pipeline.lists.judge import Kind
from pipeline.settings import load_settings
from pipeline.suppress import SuppressedNumbers
from pipeline.verdicts import REASONS

errors = plain(stderr=True)


@click.command(
    epilog="""\b
Examples:
  numberline validate customers.csv
  numberline validate customers.csv --column mobile --out judged.csv
  numberline validate numbers.txt.gz --summary
  numberline validate contacts.ndjson --shipped
  grep -h phone *.log | numberline validate - --out -
  numberline validate --task 67c37db2-5f46-5504-a1ae-9fe9d23fa812
  numberline validate --changed-since 1
"""
)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(allow_dash=True, dir_okay=False))
@click.option("--column", help="Title of the column with the numbers, or its place from 1 on; NDJSON: the member.")
@click.option("--format", "kind", type=click.Choice(["csv", "txt", "ndjson"]), help="Of FILE; seen in it without.")
@click.option("--out", help="Where the result goes, - for standard output; FILE.validated.csv or so without it.")
@click.option("--summary", is_flag=True, help="Write no result, only count.")
@click.option("--shipped", is_flag=True, help="Judge by the data that comes with numberline: needs no server.")
@click.option("--task", "task_id", type=click.UUID, metavar="ID", help="Judge all numbers that a task delivered.")
@click.option("--project", "project_id", help="Judge all numbers of a project of the user.")
@click.option(
    "--changed-since", type=int, metavar="VERSION", help="Judge again what a change of the prefix data touches."
)
@click.option("--yes", is_flag=True, help="With --changed-since, do not ask before.")
@click.option(
    "--user",
    callback=check_user,
    help="Whose project or task; of a FILE, whose own suppressed numbers count; with --changed-since, only theirs.",
)
def validate(
    file: str | None,
    column: str | None,
    kind: Kind | None,
    out: str | None,
    summary: bool,
    shipped: bool,
    task_id: uuid.UUID | None,
    project_id: str | None,
    changed_since: int | None,
    yes: bool,
    user: str | None,
) -> None:
    """Judge every number of FILE, on this machine; or numbers that the installation holds.

    FILE is text with one number a line, CSV, or NDJSON, plain or gzip, or - for standard input; of any length, in
    any usual notation. Each record is written as it is, with columns added: the number in E.164, its verdict and
    reason, and the operating company, line type, state, country and time zone of its block.
    """
    named = {"FILE": file, "--task": task_id, "--project": project_id, "--changed-since": changed_since}
    if sum(value is not None for value in named.values()) != 1:
        raise click.UsageError(f"give one of {', '.join(named)}")
    if file is not None:
        if shipped and user:
            raise click.UsageError("--shipped knows no lists of users: leave out --user")
        _judge_file(file, column, kind, out, summary, shipped, user)
        return
    if column or kind or out or summary or shipped:
        raise click.UsageError("--column, --format, --out, --summary and --shipped are for a FILE")
    settings = load_settings()
    if changed_since is not None:
        counts = judge_changed(settings, changed_since, user, yes)
    elif task_id is not None:
        counts = judge_held(settings, user or owner_of(settings, task_id), task_id=str(task_id))
    else:
        counts = judge_held(settings, user or login_name(), project_id=project_id)
    errors.print(_table(counts))


def _judge_file(
    file: str,
    column: str | None,
    kind: Kind | None,
    out: str | None,
    summary: bool,
    shipped: bool,
    user: str | None,
) -> None:
    if summary and out is not None:
        raise click.UsageError("--summary writes no result: leave out --out")
    target = None if summary else out or _beside(file, kind)
    source = Source(file)
    try:
        counts, seconds = _judged(source, column, kind, target, shipped, user)
    finally:
        source.close()
    errors.print(_table(counts))
    where = "" if target is None else f", written to {'standard output' if target == STANDARD else target}"
    errors.print(f"{counts.total():,} numbers in {seconds:.1f} s{where}", highlight=False, soft_wrap=True)


def _judged(
    source: Source, column: str | None, kind: Kind | None, out: str | None, shipped: bool, user: str | None
) -> tuple[Counter[str], float]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        shown = bar.add_task("prefix data", total=None)
        if shipped:
            holders, suppressed = shipped_holders(), SuppressedNumbers()
        else:
            settings = load_settings()
            holders, suppressed = installed_holders(settings), suppressed_for(settings, user)
        bar.update(shown, description=source.name, total=source.size)
        started = time.perf_counter()
        counts = judge_file(
            source, holders, suppressed, out, kind, column, lambda: bar.update(shown, completed=source.position)
        )
        return counts, time.perf_counter() - started


def _beside(file: str, kind: Kind | None) -> str:
    """`customers.csv` -> `customers.validated.csv`; text becomes CSV; standard input goes to standard output."""
    if file == STANDARD:
        return STANDARD
    path = Path(file.removesuffix(".gz"))
    ending = path.suffix if path.suffix in (".csv", ".tsv", ".ndjson", ".jsonl") else ".csv"
    if kind is not None:
        ending = ".ndjson" if kind == "ndjson" else ".csv"
    return str(path.with_name(f"{path.stem}.validated{ending}"))


def _table(counts: Counter[str]) -> Table:
    table = Table("reason", box=None, pad_edge=False)
    table.add_column("numbers", justify="right")
    table.add_column("%", justify="right")
    total = counts.total() or 1
    for reason in sorted(counts, key=REASONS.index):
        table.add_row(reason, f"{counts[reason]:,}", f"{100 * counts[reason] / total:.1f}")
    return table
