"""What comes with numberline in numberline/data/: area codes, rules of line types, and names to judge them by."""

import csv
from collections.abc import Iterator
from importlib import resources

from pipeline.area_codes import Area, read_area_codes
from pipeline.line_types import Label, LineTypes, Rule


def area_codes() -> dict[str, Area]:
    """Area codes in use when this version of numberline was made."""
    return read_area_codes(_rows("area_codes.csv"))


def line_types() -> LineTypes:
    """The classifier of operating companies' names."""
    rows = _rows("line_types.csv")
    return LineTypes(Rule(row["words"], row["line_type"], row["because"]) for row in rows)


def labels() -> list[Label]:
    """Companies whose line type is known."""
    rows = _rows("line_type_labels.csv")
    return [Label(row["name"], row["line_type"], row["part"] == "held-out") for row in rows]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (resources.files("numberline") / "data" / name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
