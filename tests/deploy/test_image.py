"""The Dockerfile's rules, and those of what it installs."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.dockerfile import DOCKERFILE, FINAL, LINES, copied, of, variables
from tests.deploy.manifests import ROOT

LOCKED = re.compile(r"^([\w.-]+)==(\S+).*((?:\n +--hash=\S+(?: \\)?)+)", re.MULTILINE)


def locked(path: str) -> dict[tuple[str, str], set[str]]:
    """(name, version) -> hashes of a lock file."""
    found = LOCKED.findall((ROOT / path).read_text())
    return {(name, version): set(re.findall(r"sha256:\w{64}", hashes)) for name, version, hashes in found}


def test_base_is_pinned_and_one() -> None:
    """Both stages have one Python, to the last digit: the environment is copied from one to the other."""
    bases = [line.split()[0] for line in of("FROM", LINES)]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])


def test_hadolint_finds_nothing() -> None:
    """Not even a matter of style."""
    assert hadolint(ROOT / "Dockerfile") == ""


def test_hadolint_finds_a_loose_base(tmp_path: Path) -> None:
    """The rule itself."""
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && python -m venv v\n")
    assert {"DL3007", "DL3003"} <= set(re.findall(r"DL\d+", hadolint(tmp_path / "Dockerfile")))


def hadolint(path: Path) -> str:
    """What it has against a file."""
    command = [str(Path(sys.executable).with_name("hadolint")), "--failure-threshold=style", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout


def test_image_runs_as_a_numbered_user() -> None:
    """The last USER is not root, and nothing comes after it that would change that."""
    assert of("USER", FINAL) == ["10001:10001"]
    assert of("ENTRYPOINT", FINAL) == ['["numberline"]']
    assert not of("HEALTHCHECK", LINES)  # compose and Kubernetes have their own, a process each


def test_all_that_is_installed_is_hashed() -> None:
    """Every install is from a lock, but that of the wheel just built."""
    installs = [part for line in of("RUN", LINES) for part in line.split("&&") if "install --" in part]
    from_locks = [part for part in installs if "pip" in part and ".whl" not in part]
    assert len(from_locks) == 3
    assert all("--require-hashes --requirement" in part for part in from_locks)
    assert not re.search(r"apt|curl|wget|ADD ", DOCKERFILE)


def test_nothing_secret_is_built_in() -> None:
    """No variable or argument that could hold a secret."""
    assert not of("ARG", LINES)
    assert not re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", " ".join(of("ENV", LINES)))


def test_threads_of_a_process_do_not_follow_the_processors() -> None:
    """On a machine with 64 of them numpy alone started 64, as many as a gateway of compose may have in all."""
    threads = "import numpy, pathlib; print(len(list(pathlib.Path('/proc/self/task').iterdir())))"
    environment = os.environ | {name: text for name, text in variables(FINAL).items() if name != "PATH"}
    done = subprocess.run(
        [sys.executable, "-c", threads], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_image_takes_all_packages() -> None:
    """Those that the wheel is made of."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(packages["packages"]) <= set(copied())


def test_context_holds_what_is_copied_and_nothing_else() -> None:
    """.dockerignore keeps all out, and lets in what COPY names."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied())
    assert "**/__pycache__" in lines


@pytest.mark.parametrize("path", ["deploy/requirements.lock", "deploy/build.lock"])
def test_lock_is_in_step(path: str) -> None:
    """Versions and hashes are those that the tests run with; `deploy/lock.sh` makes them so."""
    project = locked("requirements.lock")
    assert locked(path)
    for one, hashes in locked(path).items():
        assert hashes == project.get(one), f"{one}: run deploy/lock.sh"
    text = (ROOT / path).read_text()
    assert text.count("==") - text.count("version ==") - text.count("_name ==") - text.count("platform ==") == len(
        locked(path)
    )
    assert "://" not in text


def test_lock_has_what_runs_and_no_more() -> None:
    """All dependencies of the project, and what sends traces; no tool, and no embedded server."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {name for name, _ in locked("deploy/requirements.lock")}
    wanted = {re.split(r"[^\w-]", one)[0] for one in project["project"]["dependencies"]}
    tools = {re.split(r"[^\w-]", one)[0] for one in project["dependency-groups"]["dev"]}
    extras = {
        extra: {re.split(r"[^\w-]", one)[0] for one in needed}
        for extra, needed in project["project"]["optional-dependencies"].items()
    }
    assert wanted | extras["tracing"] <= names
    assert not (tools | extras["embedded"] - {"requests"}) & names  # which the exporter of traces uses too
