"""The figures of numberline/data/README.md are those of the file."""

import csv
import gzip

from numberline.prefixes import reference
from pipeline import numbering
from pipeline.line_types import scores
from pipeline.prefix_files import own
from schemas.requests import LINE_TYPES
from tests.docs.pages import ROOT, names, page, tables

README = page("numberline/data/README.md")
FILE = ROOT / "numberline" / "data" / "nanp_blocks_2026-09.csv.gz"


def test_the_figures_are_those_of_the_file() -> None:
    """Counted without the project's code, but for the exchanges that are left out."""
    with gzip.open(FILE, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    blocks = [(row["npa"], row["nxx"], digit) for row in rows for digit in row["blocks"]]
    held = set(blocks)
    special = sum(int(nxx) in numbering.SPECIAL_EXCHANGES for _, nxx, _ in held)
    area_codes = {row["npa"] for row in rows}
    assert len(blocks) == len(held)
    assert all(list(row["blocks"]) == sorted(set(row["blocks"])) for row in rows)
    for sentence in (
        f"{len(rows):,} rows",
        f"{len({(row['npa'], row['nxx']) for row in rows}):,} exchanges",
        f"{len(area_codes):,} area codes",
        f"{len(held):,} thousands",
        f"{special:,} of the blocks",
        f"{(len(held) - special) * numbering.BLOCK:,} numbers can be generated",
        f"{len(area_codes) * len(numbering.FICTIONAL_LINES):,} fictional ones",
        f"empty in {sum(not row['country'] for row in rows)} rows",
    ):
        assert sentence in README.text
    columns, _ = tables(README.text)
    assert [names(row[0])[0] for row in columns] == list(rows[0])
    assert {row["line_type"] for row in rows} == {"wireless", "voip", "landline"}
    assert not {row["state"] for row in rows if row["country"] not in ("US", "CA")} - {""}


def test_the_measure_of_the_line_types_is_the_one_that_is_printed() -> None:
    """docs/prefix-data.md against `numberline prefixes line-types`."""
    classifier, labels = reference.line_types(), reference.labels()
    measured = [
        [part, one, str(score.labelled), f"{score.recall:.1%}", f"{score.precision:.1%}"]
        for part, chosen in (("all", labels), ("held out", [label for label in labels if label.held_out]))
        for one, score in scores(classifier, chosen).items()
    ]
    (shown,) = tables(page("docs/prefix-data.md").section("Line types"))
    assert shown == measured
    assert {row[1] for row in shown} == set(LINE_TYPES)


def test_the_header_of_our_own_csv_is_the_one_that_is_read() -> None:
    """In its order, and each of its columns has a rule; the one that may follow as well."""
    shown = page("docs/prefix-files/own-csv.md")
    (header,) = shown.fences("text")
    (rules,) = tables(shown.text)
    named = [names(row[0])[0] for row in rules]
    assert tuple(header.strip().split(",")) == own.FORMAT.columns == tuple(named[:-1])
    assert tuple(named) == own.WITH_RATE_CENTER.columns
