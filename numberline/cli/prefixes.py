"""prefixes import, versions, diff, rollback, line-types: who holds which numbers, as data that changes."""

import codecs
import csv
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from numberline import audit
from numberline.audit import Attempt
from numberline.cli.files import opened
from numberline.cli.screen import screen
from numberline.database import database, partitions_of
from numberline.errors import ImportRefused
from numberline.prefixes import importing, reading, reference, release, report, versions
from numberline.prefixes.importing import FileReport, Options
from numberline.prefixes.release import Proposal
from numberline.prefixes.versions import Origin, Version
from pipeline.line_types import DEFAULT, scores, wrong
from pipeline.prefix_changes import changed_blocks
from pipeline.prefix_files.mapped import parse_map
from pipeline.settings import Settings, load_settings
from schemas.requests import LINE_TYPES

IMPORT = "import prefixes"  # in audit records
errors = Console(stderr=True)


@click.group()
def prefixes() -> None:
    """Say who holds which numbers: import prefix files, look at versions, go back.

    Running workers plan new requests by a new version within seconds; tasks that have begun keep theirs.
    """


def _columns(context: click.Context, parameter: click.Parameter, value: str | None) -> dict[str, str] | None:
    try:
        return None if value is None else parse_map(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _encoding(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else codecs.lookup(value).name
    except LookupError:
        raise click.BadParameter(f"{value} is no encoding that Python knows") from None


def _area_codes(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> frozenset[str]:
    for code in value:
        if len(code) != 3 or not code.isascii() or not code.isdigit() or code[0] in "01":
            raise click.BadParameter(f"{code} must be three digits, the first 2 to 9")
    return frozenset(value)


@prefixes.command(
    "import",
    epilog="""\b
Examples:
  numberline prefixes import CoCodeAssignment_Utilized_AllStates_Public.zip \\
      ThousandsBlockAssignment_All_Augmented.zip
  numberline prefixes import COCodeStatus_ALL.zip --dry-run
  numberline prefixes import mine.csv.gz --map npa=AREA,nxx=PREFIX,carrier=OWNER,line_type=KIND,state=ST
""",
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--map",
    "columns",
    callback=_columns,
    metavar="FIELD=COLUMN,...",
    help="The columns of a CSV of any other kind: npa, nxx and carrier, and if you like blocks, country, state, "
    "timezone, line_type, rate_center.",
)
@click.option("--encoding", callback=_encoding, help="Of a file with --map; UTF-8 without it.")
@click.option("--dry-run", is_flag=True, help="Report what would change, and change nothing.")
@click.option(
    "--new-area-code",
    multiple=True,
    callback=_area_codes,
    help="In use by now, though this version of numberline does not know it. May be repeated.",
)
@click.option("--accept-loss", is_flag=True, help="Import even where a country loses much of its blocks.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the lines that break rules here as CSV, and not on the screen.",
)
def import_(
    files: tuple[Path, ...],
    columns: dict[str, str] | None,
    encoding: str | None,
    dry_run: bool,
    new_area_code: frozenset[str],
    accept_loss: bool,
    rejected: Path | None,
) -> None:
    """Import prefix files, plain, gzip or zip, as one new version.

    It replaces the data of every country that the files cover, so name all files of a country in one command.
    The format is recognised from the header. Lines that break rules are left out and listed; where they are more
    than one in a hundred, or anything else does not fit, nothing is imported.
    """
    if encoding is not None and columns is None:
        raise click.UsageError("--encoding is for a file with --map: the other formats have theirs")
    settings = load_settings()
    mapping = reading.Mapping(columns, encoding or "utf-8") if columns else None
    options = Options(mapping, new_area_code, accept_loss)
    reports: list[FileReport] = []
    console = screen(160)
    with _recorded(settings, files, dry_run) as attempt, versions.locked(settings) as connection:
        current = versions.current(connection)
        before = versions.rows_of(connection, current)
        try:
            with _bar("reading", sum(path.stat().st_size for path in files if path.is_file())) as advance:
                proposal = importing.propose_import(files, before, options, advance, reports)
        except ImportRefused:
            _write_rejected(reports, rejected)
            raise
        _tell_rejected(reports, rejected)
        _show(console, reports, proposal, current)
        if dry_run:
            console.print("Dry run: nothing was changed.")
        elif current and not proposal.changes:
            release.make_current_again(settings, connection, current)
            _complete(attempt, current, "nothing differs")
            console.print(f"Nothing differs: version {current.version} stays.")
        else:
            with _bar("publishing", len(proposal.data)) as advance:
                made = release.release(settings, connection, proposal, advance)
            _complete(attempt, made)
            console.print(f"Version {made.version} is published; running workers take it up within seconds.")


def _recorded(settings: Settings, files: tuple[Path, ...], dry_run: bool) -> AbstractContextManager[Attempt]:
    """Leaves the audit record of an import, also of one that is refused; a dry run is none."""
    names = ", ".join(path.name for path in files)
    if dry_run:
        return nullcontext(Attempt(IMPORT, names))
    return audit.attempt(settings, IMPORT, names, source=names)


def _complete(attempt: Attempt, version: Version, message: str = "") -> None:
    attempt.subject = f"version {version.version}"
    attempt.details |= {"message": message} if message else {"source": version.source, "changes": version.changes}


def _show(console: Console, reports: list[FileReport], proposal: Proposal, current: Version | None) -> None:
    for one in reports:
        for line in report.file_lines(one):
            console.print(line, markup=False)
    console.print()
    console.print(report.counts_table(proposal.counts))
    console.print()
    against = f"version {current.version}" if current else "nothing"
    console.print(f"thousands blocks changed against {against}: {report.changes_sentence(proposal.changes)}")
    if proposal.changes:
        console.print(report.changes_table("country", proposal.changes))


@contextmanager
def _bar(what: str, total: int) -> Iterator[release.Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        shown = bar.add_task(what, total=total)
        yield lambda count: bar.update(shown, advance=count)


def _tell_rejected(reports: list[FileReport], path: Path | None) -> None:
    if path is None:
        for file, number, reason in report.rejected_lines(reports):
            errors.print(f"{file}: line {number}: {reason}", markup=False, soft_wrap=True)
    _write_rejected(reports, path)


def _write_rejected(reports: list[FileReport], path: Path | None) -> None:
    if path is None:
        return
    lines = list(report.rejected_lines(reports))
    with opened(str(path)) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("file", "line", "reason"))
        writer.writerows(lines)
    errors.print(f"{len(lines):,} rejected lines are in {path}", markup=False, soft_wrap=True)


@prefixes.command("versions")
def versions_() -> None:
    """List the versions of the prefix data, oldest first."""
    with database(load_settings()) as connection:
        partitions_of(connection)
        found, current = versions.all_versions(connection), versions.current(connection)
    screen(160).print(report.versions_table(found, current) if found else "no version")


@prefixes.command(
    epilog="\b\nExamples:\n  numberline prefixes diff 1\n  numberline prefixes diff 1 3 --blocks > changed.csv\n"
)
@click.argument("before", type=int)
@click.argument("after", type=int, required=False)
@click.option("--blocks", is_flag=True, help="Every thousands block that differs, as CSV.")
def diff(before: int, after: int | None, blocks: bool) -> None:
    """Say what differs between version BEFORE and version AFTER, the current one without it."""
    with database(load_settings()) as connection:
        partitions_of(connection)
        old = versions.published(connection, before)
        new = versions.published(connection, after) if after is not None else versions.current(connection)
        old_rows, new_rows = versions.rows_of(connection, old), versions.rows_of(connection, new)
    changes = changed_blocks(old_rows, new_rows)
    if blocks:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(report.BLOCK_COLUMNS)
        writer.writerows(map(report.block_row, changes))
        return
    found: dict[str, Counter[str]] = {}
    for change in changes:
        found.setdefault(change.area_code, Counter())[change.kind] += 1
    most = dict(sorted(found.items(), key=lambda item: -item[1].total()))
    console = screen(160)
    console.print(f"thousands blocks that differ: {report.changes_sentence(most)}, in {len(most):,} area codes")
    if most:
        console.print(report.changes_table("area code", most))
    if len(most) > report.MOST_AREA_CODES:
        console.print(f"and {len(most) - report.MOST_AREA_CODES:,} more; --blocks lists every block")


@prefixes.command(epilog="\b\nExample:\n  numberline prefixes rollback 1\n")
@click.argument("version", type=int)
def rollback(version: int) -> None:
    """Make the data of an earlier VERSION current again, as a new version."""
    settings = load_settings()
    with (
        audit.attempt(settings, "roll back prefixes", f"to version {version}") as attempt,
        versions.locked(settings) as connection,
    ):
        old, current = versions.published(connection, version), versions.current(connection)
        data = versions.rows_of(connection, old)
        origin = Origin(versions.ROLLED_BACK, f"version {old.version}: {old.source}", old.sha256, old.as_of)
        proposal = release.propose(origin, versions.rows_of(connection, current), data)
        with _bar("publishing", len(data)) as advance:
            made = release.release(settings, connection, proposal, advance)
        _complete(attempt, made)
    screen(160).print(
        f"Version {made.version} has the data of version {version}; thousands blocks changed: "
        f"{report.changes_sentence(made.changes)}."
    )


@prefixes.command(
    "line-types",
    epilog="""\b
Examples:
  numberline prefixes line-types
  numberline prefixes line-types 'ONVOY, LLC'
""",
)
@click.argument("names", nargs=-1)
@click.option("--wrong", "show_wrong", is_flag=True, help="List the labelled names that are classified wrongly.")
def line_types(names: tuple[str, ...], show_wrong: bool) -> None:
    """Classify the NAMES of operating companies; without any, measure the classifier.

    Recall and precision are over the names in numberline/data/line_type_labels.csv, whose line type is known.
    """
    classifier, console = reference.line_types(), screen(160)
    for name in names:
        rule = classifier.rule_for(name)
        why = f"{rule.words.strip()}: {rule.because}" if rule else "no rule decides"
        console.print(f"{rule.line_type if rule else DEFAULT}  {name}  ({why})", markup=False)
    if names:
        return
    labels = reference.labels()
    for part, chosen in (("all", labels), ("held out", [label for label in labels if label.held_out])):
        missed = len(wrong(classifier, chosen))
        console.print(f"{part}: {len(chosen)} names, {missed} wrong, accuracy {1 - missed / len(chosen):.1%}")
        console.print(report.scores_table(scores(classifier, chosen), LINE_TYPES))
        console.print()
    if show_wrong:
        for label, said in wrong(classifier, labels):
            console.print(f"{label.name}: {said}, is {label.line_type}", markup=False)
