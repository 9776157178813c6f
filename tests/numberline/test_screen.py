"""Tables on terminals of any width."""

from io import StringIO

import pytest
from rich.console import Console

from numberline.cli.screen import SHOWN_COLUMNS, rows_table

ROW = {
    "number": "+12892090528",
    "carrier": "Rogers Communications Canada Inc. (Wireless)",
    "line_type": "wireless",
    "state": "ON",
    "country": "CA",
    "timezone": "America/New_York",
}


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_a_row_fits_the_terminal_and_only_the_carrier_is_cut(columns: int) -> None:
    """Every other value stands whole, in one line."""
    screen = Console(file=StringIO(), width=columns)
    screen.print(rows_table([ROW], columns))
    assert isinstance(screen.file, StringIO)
    head, line = screen.file.getvalue().splitlines()
    assert len(line.rstrip()) <= columns
    assert all(name.replace("_", " ") in head for name in SHOWN_COLUMNS)
    assert all(ROW[name] in line for name in SHOWN_COLUMNS if name != "carrier")
    assert ROW["carrier"][:11] in line
    assert (ROW["carrier"] in line) == (columns == 140)
