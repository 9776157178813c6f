"""The blocks of code in the documents: what runs each, and what is not run."""

import shlex
import textwrap
from collections.abc import Iterator

from tests.docs.pages import Page

# language of a block -> ending of its file, and what runs that; sh is run line by line
PROGRAMS = {
    "python": ("py", "python"),
    "js": ("mjs", "node"),
    "sql": ("sql", 'psql --no-psqlrc --set ON_ERROR_STOP=1 "$NUMBERLINE_DATABASE_URL" --file'),
}
# json is read; text is a picture, or what a program says; {toctree} is the site's own
NOT_PROGRAMS = {"json", "text", "{toctree}"}

# what a command begins with -> why this does not run it, and what does instead
LEFT_OUT = {
    "make run": "starts servers of its own: tests/numberline/test_up.py",
    "make test": "is what runs this",
    "make install": "has made what runs this",
    "make check": "runs before this: .ci/run",
    "make format": "rewrites the checkout",
    "make docs": "is run by tests/docs/test_site.py",
    "numberline prefixes import": "replaces a country's data: tests/end_to_end/documents/test_prefix_files.py",
    "uv pip compile": "asks a registry for newer versions, and writes a lock",
    "docker ": "needs a container engine: tests/deploy/ holds the files",
    "kubectl ": "needs a cluster: tests/deploy/ holds the files",
    "python -m deploy.strimzi sender": "is for kubectl: tests/deploy/test_strimzi.py",
    "export POSTGRES_PASSWORD=": "is for docker alone",
    "export GRAFANA_PASSWORD=": "is for docker alone",
    "PASSWORD=": "is for kubectl alone",
    "export NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS=127": "is where docker's servers are",
    "export NUMBERLINE_DATABASE_URL=": "is where docker's servers are",
}
# pages whose programs another test runs, as a whole -> that test
RUN_BY = {"docs/runbook.md": "tests/operations/test_runbook.py"}


def commands(block: str) -> Iterator[str]:
    """The commands of a block of sh, each with the lines that it goes on for."""
    command = ""
    for line in textwrap.dedent(block).splitlines():
        command += line
        try:
            shlex.split(command, comments=True)
            whole = not command.endswith(("\\", "|"))
        except ValueError:  # within quotes
            whole = False
        if not whole:
            command += "\n"
            continue
        if command.strip():
            yield command
        command = ""
    assert not command, f"does not end: {command}"


def left_out(command: str) -> str | None:
    """What of LEFT_OUT it is, if any."""
    return next((start for start in LEFT_OUT if command.startswith(start)), None)


def has_programs(one: Page) -> bool:
    """Whether there is anything to run here."""
    if one.name in RUN_BY:
        return False
    blocks = one.snippets()
    shells = [command for language, block in blocks if language == "sh" for command in commands(block)]
    return any(language in PROGRAMS for language, _ in blocks) or any(left_out(one) is None for one in shells)
