"""Rules that every pod keeps."""

import tomllib

import pytest

from tests.deploy.manifests import OVERLAYS, ROOT, Manifest, containers, name_of, pod, workloads

PODS = [pytest.param(one, id=f"{overlay}-{name_of(one)}") for overlay in OVERLAYS for one in workloads(overlay)]
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def pinned(image: str) -> bool:
    """Whether an image's tag is a version to its last digit: no latest, no 18."""
    name, _, tag = image.partition(":")
    version = tag.partition("-")[0].removeprefix("v").split(".")
    if name == "numberline":
        return tag == VERSION
    return len(version) >= 2 and all(part.isdigit() for part in version)


@pytest.mark.parametrize("workload", PODS)
def test_pod_is_restricted(workload: Manifest) -> None:
    """Pod Security Standards, level restricted, and a root file system that nobody writes to."""
    security = pod(workload)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["runAsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(workload))
    assert all(set(volume) - {"name"} <= {"configMap", "emptyDir"} for volume in pod(workload)["volumes"])
    for container in containers(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert all("hostPort" not in port for port in container.get("ports", []))


@pytest.mark.parametrize("workload", PODS)
def test_pod_does_not_know_the_api(workload: Manifest) -> None:
    """No process of ours speaks to the Kubernetes API."""
    assert pod(workload)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("workload", PODS)
def test_services_set_no_variables(workload: Manifest) -> None:
    """Else the Service numberline-gateway sets NUMBERLINE_GATEWAY_PORT=tcp://..., and kafka KAFKA_PORT."""
    assert pod(workload)["enableServiceLinks"] is False


@pytest.mark.parametrize("workload", PODS)
def test_pod_says_what_it_needs(workload: Manifest) -> None:
    """Requests and limits of processor, memory and disk; every scratch volume has a size."""
    for container in containers(workload):
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory", "ephemeral-storage"}
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod(workload)["volumes"] if "emptyDir" in volume)


@pytest.mark.parametrize("workload", PODS)
def test_long_running_pod_has_probes(workload: Manifest) -> None:
    """Start, life and readiness; a Job has its exit status."""
    for container in containers(workload):
        probes = {"startupProbe", "livenessProbe", "readinessProbe"} & set(container)
        assert len(probes) == (0 if workload["kind"] == "Job" else 3)


@pytest.mark.parametrize("workload", PODS)
def test_images_are_pinned(workload: Manifest) -> None:
    """To a version; ours to the project's."""
    assert all(pinned(container["image"]) for container in containers(workload))


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "python:3", "numberline:9.9.9"])
def test_a_loose_image_is_found(image: str) -> None:
    """The rule itself."""
    assert not pinned(image)
