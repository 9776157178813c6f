"""Names of files with brackets in them, which rich would take for markup."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from numberline.cli import files
from pipeline.settings import load_settings


def test_a_file_is_written_and_named_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A closing one ended the command with a stack trace, all numbers given out; others were not shown."""
    monkeypatch.setattr(files, "database", lambda _: nullcontext())
    monkeypatch.setattr(files.errors, "width", 1000)
    out = tmp_path / "numbers [bold] [" / "x].csv"
    out.parent.mkdir()
    files.write_rows_to(
        load_settings(), lambda _: iter([{"number": "+14155550123"}]), ["number"], 1, str(out), "csv"
    )
    assert out.read_text() == "number\n+14155550123\n"
    assert f"1 numbers written to {out}" in capsys.readouterr().err
