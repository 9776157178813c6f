"""The Dockerfile, line by line, and its commands done without an engine: below a directory, as another user."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tests.deploy.manifests import ROOT

DOCKERFILE = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
LINES = [line for line in DOCKERFILE.splitlines() if line and not line.startswith("#")]
SECOND = [number for number, line in enumerate(LINES) if line.startswith("FROM ")][1]
BUILD, FINAL = LINES[:SECOND], LINES[SECOND:]
PLACES = ("/opt/", "/var/lib/")  # whose paths begin below the directory instead
PYTHONS = (sys._base_executable, "/usr/bin/python3", "/usr/local/bin/python3")  # type: ignore[attr-defined]
OF_THE_NETWORK = ("SSL_CERT", "PIP_CERT", "PIP_INDEX", "PIP_FIND", "UV_INDEX", "UV_DEFAULT_INDEX")


def of(instruction: str, lines: list[str]) -> list[str]:
    """What stands behind an instruction, each time."""
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{instruction} ")]


def copied() -> list[str]:
    """What the build stage takes from the project."""
    return [source for line in of("COPY", BUILD) for source in line.split()[:-1]]


def variables(lines: list[str]) -> dict[str, str]:
    """What ENV sets in a stage."""
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(of("ENV", lines))))


@dataclass(frozen=True)
class Image:
    """What the build stage left below a directory, and who runs it: the image's own user where we may become it."""

    directory: Path

    @cached_property
    def user(self) -> int:
        """The Dockerfile's user for root, else whoever we are."""
        (user,) = of("USER", FINAL)
        return int(user.partition(":")[0]) if os.geteuid() == 0 else os.geteuid()

    @cached_property
    def python(self) -> str:
        """One that this user may start: root's own may lie where nobody else reads."""
        code = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
        for one in PYTHONS:
            if Path(one).exists():
                try:
                    subprocess.run([one, "-c", code], check=True, timeout=30, **self.owner)
                except (OSError, subprocess.CalledProcessError):
                    continue
                return one
        raise AssertionError(f"none of {', '.join(PYTHONS)} is a Python 3.11 that user {self.user} may start")

    @cached_property
    def owner(self) -> dict[str, Any]:
        """What makes a process this user's, for subprocess."""
        return {} if os.geteuid() else {"user": self.user, "group": self.user, "extra_groups": []}

    @cached_property
    def environment(self) -> dict[str, str]:
        """What the final stage sets, and nothing else."""
        found = variables(FINAL)
        path = found["PATH"].replace("$PATH", "/usr/bin:/bin")
        return {name: self.below(value) for name, value in (found | {"PATH": path}).items()}

    def below(self, text: str) -> str:
        """The image's paths, below our directory."""
        for place in PLACES:
            text = re.sub(rf"(?<![\w/]){place}", f"{self.directory}{place}", text)
        return text

    def build(self) -> None:
        """Every COPY and RUN of the build stage, in order, as that user."""
        source, home = self.directory / "src", self.directory / "home"
        for made in (source, home, self.directory / "var" / "lib" / "numberline"):
            made.mkdir(parents=True)
        self._hand_over()
        venv = [self.python, "-m", "venv", str(self.directory / "python")]
        subprocess.run(venv, check=True, timeout=120, cwd=home, **self.owner)
        network = {name: os.environ[name] for name in os.environ if name.startswith(OF_THE_NETWORK)}
        network |= {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
        path = {"HOME": str(home), "PATH": f"{self.directory / 'python' / 'bin'}:/usr/bin:/bin"}
        for line in BUILD:
            instruction, _, rest = line.partition(" ")
            if instruction == "COPY":
                *sources, target = rest.split()
                for one in sources:
                    _copy(ROOT / one, source / target, as_directory=target.endswith("/"))
                self._hand_over()
            elif instruction == "RUN":
                done = subprocess.run(
                    self.below(rest),
                    shell=True,
                    cwd=source,
                    env=network | path | variables(BUILD),
                    capture_output=True,
                    text=True,
                    timeout=300,
                    **self.owner,
                )
                assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"

    def command(self, *arguments: str) -> list[str]:
        """The entry point, or the first argument where it is a program of the image."""
        program, *rest = arguments
        return [str(self.directory / "opt" / "numberline" / "bin" / program), *rest]

    def run(self, *arguments: str, **environment: str) -> str:
        """What a program of the image prints, started as the image would: user, variables, directory."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment | environment,
            cwd=self.workdir,
            capture_output=True,
            text=True,
            timeout=120,
            **self.owner,
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def start(self, log: IO[bytes], environment: Mapping[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
        """A program of the image that goes on."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment | dict(environment),
            cwd=self.workdir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **self.owner,
        )

    @property
    def workdir(self) -> str:
        """Where its processes start."""
        (workdir,) = of("WORKDIR", FINAL)
        return self.below(workdir)

    def _hand_over(self) -> None:
        for path in (self.directory, *self.directory.rglob("*")):
            os.chown(path, self.user, self.user if os.geteuid() == 0 else -1, follow_symlinks=False)


def _copy(origin: Path, target: Path, *, as_directory: bool) -> None:
    """As COPY does, without what .dockerignore keeps out."""
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        return
    if as_directory:
        target.mkdir(exist_ok=True)
        target = target / origin.name
    shutil.copy(origin, target)
