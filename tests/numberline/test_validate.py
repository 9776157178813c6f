"""`numberline validate FILE`: by an installation's data or the shipped one, whole or not at all."""

import csv
import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from numberline.cli import cli
from numberline.errors import ListUnreadable
from tests.fix_installation import Installation

LINES = ["name,phone", "Ada,+14155550123", 'Bob,"(907) 555-0100"', "Cy,911", "Di,+1 800 555 0199"]
REASONS = ["fictional", "fictional", "not_a_number", "special_area_code"]


def validate(*arguments: str, data: bytes | None = None) -> Result:
    """The command, without a server."""
    return CliRunner().invoke(cli, ["validate", "--shipped", *arguments], input=data)


def reasons(text: str) -> list[str]:
    """The verdicts of an output."""
    return [row["validation_reason"] for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small CSV file."""
    path = tmp_path / "customers.csv"
    path.write_text("\n".join(LINES) + "\n")
    return path


def test_the_result_lies_beside_the_file(table: Path) -> None:
    """Every record as it was, with the columns; the summary says where."""
    result = validate(str(table))
    assert result.exit_code == 0, result.output
    written = table.with_name("customers.validated.csv")
    text = written.read_text()
    assert [line.startswith(given) for line, given in zip(text.splitlines(), LINES, strict=True)] == [True] * 5
    assert reasons(text) == REASONS
    assert "4 numbers in" in result.stderr
    assert str(written) in result.stderr.replace("\n", "")
    assert "fictional" in result.stderr
    assert result.stdout == ""


def test_standard_input_and_output(table: Path) -> None:
    """Packed or not, by what the bytes are."""
    for data in (table.read_bytes(), gzip.compress(table.read_bytes())):
        result = validate("-", data=data)
        assert result.exit_code == 0, result.output
        assert reasons(result.stdout) == REASONS


def test_a_summary_writes_no_file(table: Path) -> None:
    """Only counts."""
    assert validate(str(table), "--summary").exit_code == 0
    assert list(table.parent.iterdir()) == [table]


def test_a_failure_leaves_no_half_result(tmp_path: Path) -> None:
    """A file cut off is told, and what was there before stays."""
    path, out = tmp_path / "numbers.txt.gz", tmp_path / "out.csv"
    path.write_bytes(gzip.compress("".join(f"+1415555{n:04}\n" for n in range(9999)).encode())[:-500])
    out.write_text("before")
    result = validate(str(path), "--out", str(out))
    assert isinstance(result.exception, ListUnreadable)
    assert str(result.exception).startswith(f"{path}: it cannot be read to its end: ")
    assert out.read_text() == "before"
    assert sorted(tmp_path.iterdir()) == [path, out]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("no-such-file",), "no-such-file: No such file or directory"),
        (("{table}", "--column", "fax"), "{table}: there is no column fax; there are name, phone"),
        (
            ("{table}", "--out", "/no/such/place"),
            "/no/such/place.part: it cannot be written: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_read_or_written_says_why(table: Path, arguments: tuple[str, ...], text: str) -> None:
    """With the file and what there is instead."""
    result = validate(*(one.format(table=table) for one in arguments))
    assert isinstance(result.exception, ListUnreadable)
    assert str(result.exception) == text.format(table=table)


def test_a_device_is_written_to_and_stays(table: Path) -> None:
    """As root a file in its place was the end of /dev/null; here a pipe, which anybody may make."""
    pipe = table.with_name("pipe")
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        result = validate(str(table), "--out", str(pipe))
        assert pipe.is_fifo()  # and not a file, which the reader would wait for
        told, _ = reader.communicate(timeout=20)
    assert result.exit_code == 0, result.output
    assert reasons(told.decode()) == REASONS


@pytest.mark.parametrize(("out", "reason"), [("directory", "Is a directory"), ("full", "No space left on device")])
def test_a_result_that_cannot_be_written_is_a_sentence(table: Path, out: str, reason: str) -> None:
    """What is there stays, and nothing is left beside it."""
    (table.parent / "directory").mkdir()
    (table.parent / "full").symlink_to("/dev/full")
    target = table.parent / out
    result = validate(str(table), "--out", str(target))
    assert isinstance(result.exception, ListUnreadable)
    assert str(result.exception) == f"{target}: it cannot be written: {reason}"
    assert (table.parent / "full").is_symlink()
    assert list(table.parent.glob("*.part")) == []


def test_brackets_in_a_files_name_are_no_markup(tmp_path: Path) -> None:
    """A closing one that nothing opened ended the command with a stack trace, and others were not shown."""
    directory = tmp_path / "my [bold] lists [" / "x]"
    directory.mkdir(parents=True)
    (directory / "list.txt").write_text("+14155550123\n")
    result = validate(str(directory / "list.txt"))
    assert result.exit_code == 0, (result.output, result.exception)
    assert f"written to {directory / 'list.validated.csv'}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "give one of FILE, --task, --project, --changed-since"),
        (("x", "--project", "p"), "give one of FILE, --task, --project, --changed-since"),
        (("x", "--summary", "--out", "y"), "--summary writes no result: leave out --out"),
        (("--project", "p"), "--column, --format, --out, --summary and --shipped are for a FILE"),
    ],
)
def test_options_that_do_not_go_together(arguments: tuple[str, ...], text: str) -> None:
    """Status 2, and which."""
    result = validate(*arguments)
    assert result.exit_code == 2
    assert text in result.output


def test_a_file_is_judged_by_the_installations_data(installation: Installation, table: Path) -> None:
    """The version that it plans by, as a process of its own."""
    done = installation.run("validate", str(table), "--out", "-")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert [row["validation_reason"] for row in rows] == REASONS
    assert {row["prefix_data_version"] for row in rows} == {"1"}
    assert (rows[0]["e164"], rows[0]["state"], rows[0]["block"]) == ("+14155550123", "CA", "4155550")


def test_without_a_server_the_remedy_is_named(table: Path) -> None:
    """The data that comes with numberline needs none."""
    done = subprocess.run(
        [sys.executable, "-m", "numberline", "validate", str(table)],
        env={"NUMBERLINE_DATABASE_URL": "postgresql://127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "PostgreSQL cannot be reached" in done.stderr
    assert "Or judge by the data that comes with numberline, without a server: --shipped." in done.stderr
