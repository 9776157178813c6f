"""What an import, a list of versions and a difference say on the screen."""

from collections.abc import Iterable, Mapping
from typing import Literal

from rich.table import Table

from numberline.prefixes.importing import FileReport
from numberline.prefixes.versions import Counts, Version
from pipeline.line_types import Score
from pipeline.numbering import BLOCK
from pipeline.prefix_changes import KINDS, BlockChange
from schemas.requests import LINE_TYPES

Justify = Literal["left", "right"]
NUMBER: Justify = "right"
TEXT: Justify = "left"
MOST_AREA_CODES = 40

BLOCK_COLUMNS = (
    "area_code",
    "exchange",
    "block",
    "change",
    "carrier",
    "line_type",
    "carrier_before",
    "line_type_before",
)


def file_lines(report: FileReport) -> Iterable[str]:
    """One file: what it is, what its lines say, and each line that breaks a rule."""
    as_of = f", of {report.as_of:%Y-%m-%d}" if report.as_of else ""
    yield f"{report.name}: {report.format or 'not recognised'}{as_of}"
    not_held = ", ".join(f"{status} {count:,}" for status, count in report.not_held.most_common())
    yield (
        f"  {report.lines:,} lines: {report.held:,} held, {report.not_held.total():,} not held"
        f"{f' ({not_held})' if not_held else ''}, {report.rejected_lines:,} rejected"
    )


def rejected_lines(reports: Iterable[FileReport]) -> Iterable[tuple[str, int, str]]:
    """File, line number and reason of each line that breaks a rule."""
    for report in reports:
        for number, reason in report.rejected:
            yield report.name, number, reason


def counts_table(counts: Counts) -> Table:
    """Thousands blocks by country, state and line type."""
    table = Table("country", "state", box=None, pad_edge=False)
    for title in ("numbers", *(f"{one}\nblocks" for one in LINE_TYPES)):
        table.add_column(title, justify=NUMBER, no_wrap=True)
    for country, states in counts.items():
        _add(table, country or "unknown", "all", _summed(states.values()), "bold")
        for state, types in states.items():
            if state:
                _add(table, "", state, types, "")
    total = _summed(_summed(states.values()) for states in counts.values())
    _add(table, "all", "", total, "bold")
    return table


def _add(table: Table, country: str, state: str, types: Mapping[str, int], style: str) -> None:
    numbers = sum(types.values()) * BLOCK
    table.add_row(country, state, f"{numbers:,}", *(f"{types.get(one, 0):,}" for one in LINE_TYPES), style=style)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total


def changes_table(title: str, changes: Mapping[str, Mapping[str, int]]) -> Table:
    """Thousands blocks that differ: by country, or by whatever `title` says."""
    table = Table(title, box=None, pad_edge=False)
    for kind in KINDS:
        table.add_column(kind, justify=NUMBER)
    for name, kinds in list(changes.items())[:MOST_AREA_CODES]:
        table.add_row(name or "unknown", *(f"{kinds.get(kind, 0):,}" for kind in KINDS))
    return table


def changes_sentence(changes: Mapping[str, Mapping[str, int]]) -> str:
    """In all countries together, such as `12 added, 3 moved`."""
    total = _summed(changes.values())
    return ", ".join(f"{total[kind]:,} {kind}" for kind in KINDS if total.get(kind)) or "none"


def versions_table(versions: Iterable[Version], current: Version | None) -> Table:
    """All versions, oldest first."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ("version", NUMBER),
        ("state", TEXT),
        ("origin", TEXT),
        ("imported", TEXT),
        ("file's date", TEXT),
        ("area codes", NUMBER),
        ("blocks", NUMBER),
        ("changes", TEXT),
        ("source", TEXT),
    ):
        table.add_column(name, justify=justify)
    for one in versions:
        blocks = _summed(_summed(states.values()) for states in one.counts.values())
        table.add_row(
            str(one.version),
            _state(one, current),
            one.origin,
            f"{one.imported_at:%Y-%m-%d %H:%M}",
            f"{one.as_of:%Y-%m-%d}" if one.as_of else "",
            f"{len(one.area_codes):,}",
            f"{sum(blocks.values()):,}",
            changes_sentence(one.changes),
            one.source,
        )
    return table


def _state(version: Version, current: Version | None) -> str:
    if current and version.version == current.version:
        return "current"
    if version.published_at is None:
        return "broken off"
    return "deleted" if version.deleted_at else "superseded"


def block_row(change: BlockChange) -> tuple[object, ...]:
    """A block that differs, as BLOCK_COLUMNS."""
    before, after = change.before, change.after
    return (
        change.area_code,
        change.nxx,
        change.digit,
        change.kind,
        after.carrier if after else "",
        after.line_type if after else "",
        before.carrier if before else "",
        before.line_type if before else "",
    )


def scores_table(scores: Mapping[str, Score], line_types: Iterable[str]) -> Table:
    """How right the classifier is, by line type."""
    table = Table("line type", box=None, pad_edge=False)
    for title in ("labelled", "classified", "both", "recall", "precision"):
        table.add_column(title, justify=NUMBER)
    for one in line_types:
        score = scores[one]
        table.add_row(
            one,
            str(score.labelled),
            str(score.classified),
            str(score.both),
            f"{score.recall:.1%}",
            f"{score.precision:.1%}",
        )
    return table
