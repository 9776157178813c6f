"""Tables on terminals of any width."""

from io import StringIO

import pytest
from rich.console import Console

from numberline.cli.screen import SHOWN_COLUMNS, plain, rows_table

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


ODD = "[/x] [bold]b[/] a:b:c"


def test_what_users_have_named_stands_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where it looks like markup."""
    plain(width=80).print(ODD)
    assert capsys.readouterr().out == f"{ODD}\n"


def test_a_row_stands_as_it_is_on_any_console() -> None:
    """Names of companies come out of files."""
    screen = Console(file=StringIO(), width=140)
    screen.print(rows_table([ROW | {"carrier": ODD}], 140))
    assert isinstance(screen.file, StringIO)
    assert ODD in screen.file.getvalue()
