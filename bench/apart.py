"""Environments apart from the product's, made at first use from bench/NAME/requirements.lock."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from bench.errors import BenchError

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = ".installed"
INSTALL_SECONDS = 900


def interpreter(name: str, say: Callable[[str], None] = lambda text: None) -> Path:
    """The Python of an environment that has what bench/NAME/requirements.lock says, and nothing else.

    say: told where it must be installed first, which downloads it once. Raises BenchError.
    """
    lock = Path(__file__).parent / name / "requirements.lock"
    version = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    environment = ROOT / ".numberline" / "bench" / f"{name}-{version}"
    python = environment / "bin" / "python"
    if not (environment / INSTALLED).exists():
        say(f"libraries of bench/{name}, once, into {environment.relative_to(ROOT)}")
        _uv("venv", "--clear", "--python", sys.executable, str(environment))
        _uv("pip", "sync", "--require-hashes", "--python", str(python), str(lock))
        (environment / INSTALLED).touch()
    return python


def versions(name: str) -> dict[str, str]:
    """Version of each distribution in an environment that is there, by its name in lower case."""
    found = interpreter(name).parent.parent.glob("lib/python*/site-packages")
    installed = metadata.distributions(path=[str(path) for path in found])
    return {one.metadata["Name"].lower(): one.version for one in installed}


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{' '.join(command)} failed:\n{error.stderr.strip()}") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command)} did not end within {INSTALL_SECONDS} s") from None
