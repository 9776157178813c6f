"""What the README tells a newcomer to run, run on real servers."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, page
from tests.fix_installation import Installation
from tests.processes import Process, wait_until

README = page("README.md")
WATCH = next(block for block in README.fences("python") if "websockets" in block)
SUBMIT = next(block for block in README.fences("python") if "confluent_kafka" in block)


@pytest.fixture(scope="module")
def worker(installation: Installation) -> Iterator[Process]:
    """One worker for all tests of this module."""
    with installation.worker("docs") as process:
        yield process


@pytest.mark.usefixtures("worker")
def test_the_programs_of_the_readme_work(installation: Installation, tmp_path: Path) -> None:
    """watch.py hears of what submit.py asks for, with a token of the command line, to its end."""
    environment = os.environ | dict(installation.environment)
    token = installation.run("token", "ada")
    assert token.returncode == 0, token.stderr
    (tmp_path / "watch.py").write_text(WATCH)
    (tmp_path / "submit.py").write_text(SUBMIT)
    heard = tmp_path / "heard"
    with heard.open("w") as out:
        watching = subprocess.Popen(
            [sys.executable, "watch.py"],
            cwd=tmp_path,
            env=environment | {"TOKEN": token.stdout.strip()},
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: "connection_established" in heard.read_text(), 30, "connection of watch.py")
        subprocess.run([sys.executable, "submit.py"], cwd=tmp_path, env=environment, check=True, timeout=60)
        assert watching.wait(120) == 0, heard.read_text()
    finally:
        watching.kill()
        watching.wait()
    lines = heard.read_text().splitlines()
    assert lines[0].split() == ["connection_established"]
    assert lines[1].split() == ["task_started"]
    assert lines[-2].split() == ["task_completed"]
    assert "'total_generated': 1000" in lines[-1]
    found = installation.rows(
        "SELECT count(*), array_agg(DISTINCT state), array_agg(DISTINCT line_type) FROM phone_numbers "
        "WHERE user_id = 'ada' AND state IN ('NY', 'NJ')"
    )
    assert found == [(1000, ["NJ", "NY"], ["wireless"])]


def test_queries_of_the_documents_are_understood(installation: Installation) -> None:
    """PostgreSQL plans each of them; a lookup by number_value uses its index."""
    blocks = [sql for one in PAGES for block in one.fences("sql") for sql in block.split(";") if sql.strip()]
    shells = [sql for one in PAGES for block in one.fences("sh") for sql in re.findall(r'-c "([^"]+)"', block)]
    inline = [code for one in PAGES for code in one.inline() if code.startswith("SELECT ")]
    assert len(blocks) >= 4
    assert shells
    for sql in [*blocks, *shells, *inline]:
        plan = "\n".join(line for (line,) in installation.rows(f"EXPLAIN {sql.replace('%', '%%')}"))
        if "number_value =" in sql:
            assert "numbers_pkey" in plan


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    "line", [line for line in README.fences("sh")[1].splitlines() if line.startswith("numberline ")]
)
def test_the_first_commands_of_the_readme_work(installation: Installation, line: str, tmp_path: Path) -> None:
    """Each exits with 0."""
    file = tmp_path / "numbers.csv"
    file.write_text("number\n+14155550123\n")  # of the command before
    arguments = line.partition("#")[0].replace("numbers.csv", str(file)).split()[1:]
    done = installation.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
