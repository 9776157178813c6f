"""What a contributor's tools read: pre-commit, the devcontainer, the one version and the changelog."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import yaml

from tests.deploy.manifests import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
HOOKS = ROOT / ".pre-commit-config.yaml"
SCHEMA = Path(__file__).parent / "devcontainer.schema.json"  # of the Development Container Specification


def test_pre_commit_runs_what_make_check_runs() -> None:
    """Nothing else, and nothing that it would have to download."""
    command = [str(Path(sys.executable).parent / "pre-commit"), "validate-config", str(HOOKS)]
    subprocess.run(command, check=True, timeout=60)
    (repository,) = yaml.safe_load(HOOKS.read_text())["repos"]
    assert repository["repo"] == "local"
    assert [(hook["entry"], hook["language"]) for hook in repository["hooks"]] == [
        ("make --silent check", "system")
    ]


def test_the_devcontainer_is_one() -> None:
    """By the schema of the specification; its Python is the image's, and its programs are those of the tests."""
    devcontainer = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(devcontainer)
    dockerfile = (ROOT / ".devcontainer" / devcontainer["build"]["dockerfile"]).read_text()
    python = re.compile(r"^FROM python:([\d.]+)-", re.MULTILINE)
    assert python.findall(dockerfile) == python.findall((ROOT / "Dockerfile").read_text())[:1]
    wanted = set(re.findall(r"missing\+=\((\w+)\)", (ROOT / "tests" / "programs.sh").read_text()))
    assert wanted | {"curl", "kcat", "prometheus"} <= set(re.findall(r"\w+", dockerfile))


def test_there_is_one_version() -> None:
    """pyproject.toml has it; the command, the images and the changelog follow."""
    assert version("numberline") == VERSION
    named = [
        tag
        for file in (ROOT / "docker-compose.yml", *(ROOT / "deploy" / "k8s").rglob("*.yaml"))
        for tag in re.findall(r"image: numberline:(\S+)", file.read_text())
    ]
    assert set(named) == {VERSION}
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [head for head in heads if head != "[Unreleased]"]
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in released)
    assert not released or released[0].startswith(f"[{VERSION}]")
