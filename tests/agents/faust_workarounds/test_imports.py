"""What the start of a worker imports (F16), in a process of its own."""

import subprocess
import sys

import pytest

LARGE = ("aiohttp", "croniter", "yaml", "alembic", "cryptography", "httpx", "jwt", "opentelemetry", "phonenumbers")
WORKER = "import numberline.cli, numberline.cli.processes, agents.run, numberline.setup.newest, numberline.tracing"


def imported_by(program: str, *names: str) -> list[str]:
    """Those of these modules that are there when the program has run."""
    ask = f"import sys; {program}; print(*(name for name in {names!r} if name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.split()


def test_f16_faust_itself_imports_what_no_step_uses() -> None:
    """Should it no longer, the workaround can go."""
    assert imported_by("import faust.app", "aiohttp", "croniter", "yaml") == ["aiohttp", "croniter", "yaml"]


def test_f16_a_worker_that_starts_imports_nothing_large_that_it_does_not_use() -> None:
    """Commands, validation and tokens bring their libraries when they are used."""
    assert imported_by(WORKER, "faust.app.base", "mode.services", "rich", *LARGE) == [
        "faust.app.base",
        "mode.services",
    ]


@pytest.mark.parametrize("name", ["aiohttp.ClientSession", "croniter.croniter.get_next", "yaml.safe_load"])
def test_f16_whoever_imports_one_later_has_the_real_one(name: str) -> None:
    """A stand-in would have no such attribute."""
    library = name.partition(".")[0]
    assert imported_by(f"import agents.faust_workarounds, {library}; {name}", library) == [library]
