"""What kubectl would apply, and the pods in it."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("small", "production", "operators")
KUBECTL = shutil.which("kubectl")

Manifest = dict[str, Any]


@cache
def manifests(overlay: str) -> tuple[Manifest, ...]:
    """The overlay as kustomize builds it; without kubectl its files as they stand, unpatched.

    So every test runs without kubectl too; `test_overlays_build` alone is then skipped, and says so.
    """
    folder = K8S / "overlays" / overlay
    return tuple(build(folder) if KUBECTL else read(folder))


def build(folder: Path) -> Iterator[Manifest]:
    """What `kubectl kustomize` makes of a folder."""
    assert KUBECTL
    built = subprocess.run([KUBECTL, "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    yield from yaml.safe_load_all(built.stdout)


def read(folder: Path) -> Iterator[Manifest]:
    """The resources that a kustomization names, and its ConfigMaps without the hash in their names."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for resource in kustomization.get("resources", []):
        path = folder / resource
        yield from read(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for made in kustomization.get("configMapGenerator", []):
        data = dict(literal.split("=", 1) for literal in made.get("literals", []))
        data |= {Path(name).name: (folder / name).read_text() for name in made.get("files", [])}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made["name"]}, "data": data}


def name_of(manifest: Manifest) -> str:
    """Kind and name, as kubectl writes them."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def workloads(overlay: str) -> list[Manifest]:
    """All that makes pods."""
    return [one for one in manifests(overlay) if "template" in one.get("spec", {})]


def of_kind(overlay: str, kind: str) -> list[Manifest]:
    """All of one kind."""
    return [one for one in manifests(overlay) if one["kind"] == kind]


def pod(workload: Manifest) -> Manifest:
    """The specification of its pods."""
    found = workload["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def containers(workload: Manifest) -> list[Manifest]:
    """All containers of its pods, those that initialize included."""
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def settings_of(overlay: str) -> dict[str, str]:
    """The variables that all of our pods share."""
    merged: dict[str, str] = {}
    for one in of_kind(overlay, "ConfigMap"):
        if one["metadata"]["name"].startswith("numberline-settings"):
            merged |= one["data"]
    return merged
