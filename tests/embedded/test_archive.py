"""What a broker loads at each start, kept in a file: made once, used where it is, missed by nobody."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded import Kafka, archive
from embedded import __main__ as prepare
from embedded.archive import archive_file, archive_options
from embedded.jars import fetch_jars, read_lock
from embedded.java import java_command


def test_the_brokers_of_this_environment_use_it(kafka_server: Kafka) -> None:
    """`make install` has made it, and every start of the tests is quicker for it."""
    archive = archive_file(java_command(), fetch_jars(read_lock()))
    assert str(archive) in Path(f"/proc/{kafka_server.pid}/maps").read_text()


def test_making_it_again_does_nothing() -> None:
    """`make install` may be called as often as one likes."""
    done = subprocess.run(
        [sys.executable, "-m", "embedded"], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == done.stderr == ""


def test_it_is_made_anew_and_a_broken_one_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of other jars go; and where a file is no archive, Java starts without."""
    monkeypatch.setattr(archive, "DIRECTORY", tmp_path)
    (tmp_path / "kafka-of-before.aot").write_text("old")
    assert prepare.main() == 0
    assert "recording a start of the broker" in capsys.readouterr().out
    (made,) = tmp_path.iterdir()
    java, jars = java_command(), fetch_jars(read_lock())
    assert archive_options(java, jars) == [f"-XX:AOTCache={made}"]
    assert archive_options([*java, "-Xmx1g"], jars) == []  # recorded with other options

    made.write_bytes(made.read_bytes()[: 1 << 20])
    with Kafka(tmp_path / "state") as kafka:
        assert str(made) in Path(f"/proc/{kafka.pid}/cmdline").read_text()
        assert str(made) not in Path(f"/proc/{kafka.pid}/maps").read_text()


def test_an_older_java_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would not know the option; that is said, and is no failure."""
    monkeypatch.setattr(archive, "DIRECTORY", tmp_path)
    monkeypatch.setattr(prepare, "java_version", lambda program: 17)
    assert prepare.main() == 0
    assert capsys.readouterr().out == (
        "Java 17 starts the broker as it is: 24 and later can keep what a start loads\n"
    )
    assert list(tmp_path.iterdir()) == []
