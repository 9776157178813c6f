"""What the start of a worker imports (F16), in a process of its own."""

import subprocess
import sys

import pytest

LARGE = ("aiohttp", "croniter", "yaml", "alembic", "cryptography", "httpx", "jwt", "opentelemetry", "phonenumbers")
WORKER = "import numberline.cli, numberline.cli.processes, agents.run, numberline.setup.newest, numberline.tracing"
BUILT = """
from agents.app import _build_app
from agents.faust_workarounds import install
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from prometheus_client import CollectorRegistry
install()
app = _build_app(
    Settings(kafka_bootstrap_servers="127.0.0.1:1", database_url="postgresql://127.0.0.1"),
    1,
    WorkerMetrics(CollectorRegistry()),
)
app.tables, app.conf.HttpClient
"""


def imported_by(program: str, *names: str) -> list[str]:
    """Those of these modules that are there when the program has run."""
    ask = f"import sys\n{program}\nprint(*(name for name in {names!r} if name in sys.modules))"
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


def test_f16_nor_does_one_whose_application_is_made() -> None:
    """Faust looks up the classes that its settings name when it first needs one of them."""
    assert imported_by(BUILT, "faust.tables.manager", "aiohttp") == ["faust.tables.manager"]


@pytest.mark.parametrize("name", ["aiohttp.ClientSession", "croniter.croniter.get_next", "yaml.safe_load"])
def test_f16_whoever_imports_one_later_has_the_real_one(name: str) -> None:
    """A stand-in would have no such attribute."""
    library = name.partition(".")[0]
    assert imported_by(f"import agents.faust_workarounds, {library}; {name}", library) == [library]
