"""The next release of numberline, made out of the running one: every event has a version with one field more."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import schemas
from chaos.errors import ChaosError
from schemas import events

PACKAGES = ("schemas", "pipeline", "agents", "gateway", "numberline", "embedded")
INIT_SECONDS = 60


def next_release(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Make it in a directory of its own, and run its `numberline init`; the variables that a process of it needs.

    environment: of the installation, and of the release before.  Raises ChaosError.
    """
    before = Path(environment.get("PYTHONPATH") or Path(schemas.__file__).parents[1])
    number = sum(1 for _ in directory.glob("release-*")) + 1
    made = directory / f"release-{number}"
    for package in PACKAGES:
        shutil.copytree(before / package, made / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in events.BY_NAME:
        _add_version(made / "schemas" / "avro", name, f"added_{number}")
    for source in (made / "schemas" / "events").glob("*.py"):
        source.write_text(with_field(source.read_text(), f"added_{number}"))
    # its own packages before those of the directory in which it is started
    own = {"PYTHONPATH": str(made), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "numberline", "init"],
        env=os.environ | dict(environment) | own,
        capture_output=True,
        text=True,
        timeout=INIT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ChaosError(f"`numberline init` of the next release ended with {done.returncode}: {done.stderr}")
    return own


def with_field(source: str, field: str) -> str:
    """A module of schemas/events with one field more in every event."""
    lines = source.splitlines()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for node in sorted(classes, key=lambda node: node.lineno, reverse=True):
        if node.name in events.BY_NAME:
            assert node.end_lineno
            lines.insert(node.end_lineno, f'    {field}: str = "by the next release"')
    return "\n".join(lines) + "\n"


def _add_version(files: Path, name: str, field: str) -> None:
    """A version of a schema after its newest."""
    newest = max(int(file.stem.partition(".v")[2]) for file in files.glob(f"{name}.v*.avsc"))
    schema = json.loads((files / f"{name}.v{newest}.avsc").read_text())
    schema["fields"].append({"name": field, "type": "string", "default": ""})
    (files / f"{name}.v{newest + 1}.avsc").write_text(json.dumps(schema))
