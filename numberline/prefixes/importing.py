"""Prefix files into one version: read, judged line by line and as a whole, and refused before anything changes."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from numberline.errors import ImportRefused
from numberline.prefixes import reading, reference, release
from numberline.prefixes.heap import uncollected
from numberline.prefixes.release import Data, Proposal
from numberline.prefixes.versions import IMPORTED, Origin
from pipeline.area_codes import AreaCodes
from pipeline.prefix_changes import WITHDRAWN, count_blocks
from pipeline.prefix_files.lines import Claim, LineRejected, shown
from pipeline.prefix_import import Claims, Place, merged, timezones_of

MOST_REJECTED = 0.01  # of a file's lines: one that breaks the rules more often is not what it seems to be
MOST_REJECTED_KEPT = 100_000
MOST_LOST = 0.2  # of a country's blocks: assignments grow, so a file that lacks more is cut off or not whole


@dataclass
class FileReport:
    """What was read of one file. rejected: line number and reason, the first MOST_REJECTED_KEPT."""

    name: str
    format: str = ""
    as_of: date | None = None
    lines: int = 0
    held: int = 0
    not_held: Counter[str] = field(default_factory=Counter)
    rejected_lines: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, number: int, reason: str) -> None:
        """One line more that breaks a rule."""
        self.rejected_lines += 1
        if len(self.rejected) < MOST_REJECTED_KEPT:
            self.rejected.append((number, reason))


@dataclass(frozen=True)
class Options:
    """How to read. new_area_codes: in use, though they are not in the table of those that are."""

    mapping: reading.Mapping | None = None
    new_area_codes: frozenset[str] = frozenset()
    accept_loss: bool = False


@uncollected()
def propose_import(
    paths: Sequence[Path],
    before: Data,
    options: Options,
    advance: Callable[[int], None],
    reports: list[FileReport],
) -> Proposal:
    """The version that these files make of the current data. reports: gets what was read of each file, even when
    it is refused.  Raises ImportRefused."""
    area_codes = AreaCodes(reference.area_codes(), options.new_area_codes)
    timezones = timezones_of(row for rows in before.values() for row in rows)
    claims = Claims(area_codes, reference.line_types(), timezones)
    digest = hashlib.sha256()
    for number, path in enumerate(paths):
        reports.append(FileReport(path.name))
        _read(path, number, options, claims, reports[-1], advance)
        digest.update(_digest(path))
    _check_claims(claims, paths)
    covered = claims.countries()
    data = merged(before, claims.rows(), covered, area_codes)
    dates = [report.as_of for report in reports if report.as_of]
    origin = Origin(IMPORTED, ", ".join(path.name for path in paths), digest.digest(), max(dates, default=None))
    proposal = release.propose(origin, before, data)
    if not options.accept_loss:
        _check_loss(proposal, before, covered)
    return proposal


def _read(
    path: Path,
    number: int,
    options: Options,
    claims: Claims,
    report: FileReport,
    advance: Callable[[int], None],
) -> None:
    with reading.opened(path, options.mapping, advance) as file:
        report.format, report.as_of = file.format.name, file.as_of
        for line, cells in file.lines:
            report.lines += 1
            try:
                if isinstance(cells, LineRejected):
                    raise cells
                said = file.format.parse(cells)
                claims.take(said, file.format.levels, Place(number, line))
            except LineRejected as rejected:
                report.reject(line, str(rejected))
                continue
            if isinstance(said, Claim):
                report.held += 1
            else:
                report.not_held[shown(said.status)] += 1
    if not report.lines:
        raise ImportRefused(path.name, "the file has a header and no lines", reading.DOWNLOAD)
    if report.rejected_lines > report.lines * MOST_REJECTED:
        first = "".join(f"\n  line {at}: {reason}" for at, reason in report.rejected[:5])
        raise ImportRefused(
            path.name,
            f"{report.rejected_lines:,} of {report.lines:,} lines break rules, "
            f"more than {MOST_REJECTED:.0%}{first}",
            "Mend the file; --rejected FILE lists every such line.",
        )


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _check_claims(claims: Claims, paths: Sequence[Path]) -> None:
    def where(place: Place) -> str:
        return f"line {place.line} of {paths[place.file].name}"

    names = ", ".join(path.name for path in paths)
    if claims.unknown:
        codes = ", ".join(
            f"{code} ({where(one.first)}{f' and {one.lines - 1:,} more' if one.lines > 1 else ''})"
            for code, one in sorted(claims.unknown.items())[:20]
        )
        named = " ".join(f"--new-area-code {code}" for code in sorted(claims.unknown)[:20])
        raise ImportRefused(
            names, f"area codes that are not in use: {codes}", f"Where one was opened lately, say so: {named}"
        )
    if claims.conflicting:
        some = "".join(f"\n  {one.block}: {where(one.first)} and {where(one.second)}" for one in claims.conflicts)
        raise ImportRefused(
            names,
            f"{claims.conflicting:,} thousands blocks are spoken of twice, and a block has one holder{some}",
            "Leave one of the lines out.",
        )
    if not claims.countries():
        raise ImportRefused(names, "no line says that a company holds blocks", reading.DOWNLOAD)


def _check_loss(proposal: Proposal, before: Data, covered: set[str]) -> None:
    had = {country: _total(states) for country, states in count_blocks(before).items()}
    for country in sorted(covered & set(had)):
        lost = proposal.changes.get(country, {}).get(WITHDRAWN, 0)
        if lost > had[country] * MOST_LOST:
            raise ImportRefused(
                proposal.origin.source,
                f"{country} would lose {lost:,} of its {had[country]:,} thousands blocks, "
                f"more than {MOST_LOST:.0%}",
                "An import replaces all data of the countries that its files cover: name all files of a country in "
                "one command. If the data is really to shrink so, say --accept-loss.",
            )


def _total(states: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(types.values()) for types in states.values())
