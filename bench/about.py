"""Where and what a run was: machine, versions, revision, settings."""

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from bench.system import System, kept_settings
from embedded.jars import read_lock

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("faust-streaming", "aiokafka", "websockets", "psycopg", "numpy", "rocksdict", "pyroaring", "fastavro")
SERVER_SETTINGS = ("fsync", "synchronous_commit", "wal_level", "shared_buffers", "max_wal_size")


def about(system: System, state: Path, arguments: Sequence[str]) -> dict[str, str]:
    """Everything that a reader needs to judge the figures, or to get them again."""
    with psycopg.connect(system.database_url) as connection:
        postgres = str(_show(connection, "server_version"))
        server_settings = ", ".join(f"{name}={_show(connection, name)}" for name in SERVER_SETTINGS)
    kafka = next(jar.version for jar in read_lock() if jar.group == "org.apache.kafka")
    kept = shlex.join(f"{name}={value}" for name, value in kept_settings().items())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "command": " ".join([*([kept] if kept else []), "python -m bench", shlex.join(arguments)]).strip(),
        "machine": f"{_processor()}, {os.cpu_count()} logical processors, {_memory()}",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "load before": _load(),
        "state on": _filesystem(state),
        "Python": platform.python_version(),
        "Kafka": f"{kafka}, acks=all, one broker, flushed by the operating system (Kafka's default)",
        "PostgreSQL": f"{postgres}; {server_settings}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "processes": "one worker, one gateway; the suite itself is the client, on the same machine",
    }


def _show(connection: psycopg.Connection[tuple[object, ...]], name: str) -> object:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert row is not None
    return row[0]


def _revision() -> str:
    """The commit, and whether files differ from it."""
    try:
        commit, changed = (
            subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not in a git checkout"
    return f"{commit}, with uncommitted changes" if changed else commit


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown processor"


def _memory() -> str:
    total = _field("/proc/meminfo", "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.0f} GiB memory" if total else "memory unknown"


def _load() -> str:
    return "{:.2f}, {:.2f}, {:.2f} over 1, 5 and 15 minutes".format(*os.getloadavg())


def _filesystem(path: Path) -> str:
    """The file system that the servers' data is on: on one in memory, a durable commit costs nothing."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    under = [mount for mount in mounts if path.resolve().is_relative_to(mount[1])]
    device, _, kind, *_ = max(under, key=lambda mount: len(mount[1]))
    return f"{kind} ({device})" + (": in memory, so that nothing here is durable" if kind == "tmpfs" else "")


def _field(file: str, name: str) -> str | None:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
