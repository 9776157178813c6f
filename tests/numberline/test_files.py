"""What `--out` names."""

from pathlib import Path

import click
import pytest

from numberline.cli.files import opened


def test_a_file_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    """With its name, and without a stack trace."""
    out = str(tmp_path / "nowhere" / "numbers.csv")
    with pytest.raises(click.ClickException) as caught, opened(out):
        pass
    assert caught.value.format_message() == f"Could not open file {out!r}: No such file or directory"
    assert caught.value.exit_code == 1


def test_a_disk_that_is_full_in_the_middle_is_said_in_a_sentence() -> None:
    """It opens, and what has been given out is not written."""
    with pytest.raises(click.ClickException, match="No space left on device"), opened("/dev/full") as file:
        file.write("+14155550100\n")
