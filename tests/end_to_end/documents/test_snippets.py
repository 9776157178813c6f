"""Every block of code in the documents, run as it stands: page by page, from top to bottom, on a running system."""

import gzip
import os
import shlex
import subprocess
import sys
from pathlib import Path

import playwright
import pytest

from embedded.postgres import find_programs
from tests.docs.pages import PAGES, Page
from tests.docs.snippets import PROGRAMS, commands, has_programs, left_out
from tests.fix_installation import Installation

# a Node.js that has WebSocket, which the system's may be too old for; test_examples.py runs that one
NODE = Path(playwright.__file__).parent / "driver"
# what a page says that you have
FILES = {
    "docs/suppression.md": {
        "do-not-call.txt": b"(415) 200-5001\n",
        "customers.txt.gz": gzip.compress(b"4152005002\n"),
    },
}
# what a page's programs say at last
SAYS = {
    "README.md": ["100.0 %\nNumber(number='+1", '"status_url"'],
    "docs/clients.md": [
        "states: ",
        "'area_codes': {'212': 100}",
        "'total_generated': 1000",
        "completed {",
        "\nactive_tasks ",
    ],
    "docs/tutorial.md": ["not_nanp", "works   resumed socket"],
}


def script_of(one: Page, directory: Path) -> str:
    """A page as one shell program; blocks of other languages are files beside it."""
    lines = list[str]()
    for number, (language, block) in enumerate(one.snippets()):
        if language == "sh":
            lines += [command for command in commands(block) if left_out(command) is None]
        elif language in PROGRAMS:
            ending, program = PROGRAMS[language]
            (directory / f"{number}.{ending}").write_text(block)
            lines.append(f"{program} {number}.{ending}")
    return "\n".join(lines)


@pytest.mark.parametrize("one", [one for one in PAGES if has_programs(one)], ids=lambda one: one.name)
def test_a_page_does_what_it_says(system: Installation, one: Page, tmp_path: Path) -> None:
    """All of its blocks, in one shell that stops at the first that fails."""
    script = script_of(one, tmp_path)
    for name, content in FILES.get(one.name, {}).items():
        (tmp_path / name).write_bytes(content)
    # as `make install` and `numberline up` leave it
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".numberline").mkdir()
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in system.environment.items()]
    (tmp_path / ".numberline" / "env").write_text("".join(exports))
    path = f"{NODE}:{Path(sys.executable).parent}:{os.environ['PATH']}:{find_programs()}"
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=os.environ | dict(system.environment) | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for text in SAYS.get(one.name, []):
        assert text in done.stdout, done.stdout


def test_queries_of_the_documents_use_the_index(system: Installation) -> None:
    """PostgreSQL plans each that stands in a table or a sentence too; a lookup by number_value is by the key."""
    blocks = [sql for one in PAGES for block in one.fences("sql") for sql in block.split(";") if sql.strip()]
    inline = [code for one in PAGES for code in one.inline() if code.startswith("SELECT ")]
    assert len(blocks) >= 4
    for sql in [*blocks, *inline]:
        plan = "\n".join(line for (line,) in system.rows(f"EXPLAIN {sql.replace('%', '%%')}"))
        if "number_value =" in sql:
            assert "numbers_pkey" in plan
