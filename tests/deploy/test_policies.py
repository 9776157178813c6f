"""Rules that every pod keeps."""

import tomllib
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import (
    EXTENDED,
    K8S,
    OVERLAYS,
    ROOT,
    SHIPPED,
    Manifest,
    containers,
    labels_of,
    manifests,
    name_of,
    of_kind,
    pod,
    selected,
    workloads,
)

PODS = [pytest.param(one, id=f"{overlay}-{name_of(one)}") for overlay in OVERLAYS for one in workloads(overlay)]
CLOSED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
SECURED = {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy", "seccompProfile"}
WITH_PODS = {"StatefulSet", "Deployment", "Job"}
OPERATED = {"Kafka", "KafkaNodePool", "Cluster"}  # whose pods operators make: two tests below
WITHOUT_PODS = {
    *("ConfigMap", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"),
    *("HorizontalPodAutoscaler", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"),
    *("KafkaTopic", "KafkaUser", "ScheduledBackup"),
}
SPREAD = {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
LIMITED = {"cpu", "memory"}
SECRETS = ("PASSWORD", "SECRET", "TOKEN", "DATABASE_URL")  # in the names of what is one
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def pinned(image: str) -> bool:
    """Whether an image's tag is a version to its last digit: no latest, no 18."""
    name, _, tag = image.partition(":")
    version = tag.partition("-")[0].removeprefix("v").split(".")
    if name == "numberline":
        return tag == VERSION
    return len(version) >= 2 and all(part.isdigit() for part in version)


def test_every_overlay_is_asked() -> None:
    """Those that there are, and one with every component."""
    assert {path.name for path in (K8S / "overlays").iterdir()} == set(SHIPPED)
    extended = yaml.safe_load((Path(__file__).parent / "overlays" / EXTENDED / "kustomization.yaml").read_text())
    taken = {Path(path).name for path in extended["components"]}
    assert {path.name for path in (K8S / "components").iterdir()} == taken


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_asked(overlay: str) -> None:
    """No kind makes pods that these rules do not look at; workers, gateways and the Job are in each overlay."""
    assert {one["kind"] for one in manifests(overlay)} <= WITHOUT_PODS | WITH_PODS | OPERATED
    assert {one["kind"] for one in workloads(overlay)} <= WITH_PODS
    assert all("template" in one["spec"] for kind in WITH_PODS for one in of_kind(overlay, kind))
    assert {"StatefulSet/numberline-worker", "Deployment/numberline-gateway", "Job/numberline-init"} <= {
        name_of(one) for one in workloads(overlay)
    }


@pytest.mark.parametrize("workload", PODS)
def test_pod_is_restricted(workload: Manifest) -> None:
    """Pod Security Standards, level restricted, and a root file system that nobody writes to."""
    security = pod(workload)["securityContext"]
    assert set(security) <= SECURED
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["runAsGroup"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(workload))
    assert all(
        set(volume) - {"name"} <= {"configMap", "emptyDir", "projected"} for volume in pod(workload)["volumes"]
    )
    for container in containers(workload):
        assert container["securityContext"] == CLOSED
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
def test_secrets_are_references(workload: Manifest) -> None:
    """No value of one in a variable; what is mounted of a Secret is read-only, for this pod's group alone."""
    for container in containers(workload):
        for env in container.get("env", []):
            name, value = env["name"], env.get("value", "")
            if any(word in name for word in SECRETS):
                assert set(env["valueFrom"]["secretKeyRef"]) == {"name", "key"}, name
            assert "@" not in str(value), name
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        for volume in pod(workload)["volumes"]:
            if "projected" in volume:
                assert mounts[volume["name"]]["readOnly"] is True
                assert volume["projected"]["defaultMode"] == 0o440
                assert pod(workload)["securityContext"]["fsGroup"] == pod(workload)["securityContext"]["runAsGroup"]
                assert all(set(source) == {"secret"} for source in volume["projected"]["sources"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_hold_no_secret(overlay: str) -> None:
    """Everybody who may see pods may see ConfigMaps."""
    for one in of_kind(overlay, "ConfigMap"):
        if one["metadata"]["name"].startswith("numberline-settings"):
            assert not [name for name in one["data"] if any(word in name for word in SECRETS)]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_budgets_and_spreads_select_their_pods(overlay: str) -> None:
    """A budget or a spread that selects nothing would be silently without effect."""
    budgets = of_kind(overlay, "PodDisruptionBudget")
    held = [name_of(*selected(overlay, one["spec"]["selector"])) for one in budgets]
    several = [
        one for one in workloads(overlay) if one["kind"] != "Job" and one["spec"].get("replicas", "scaled") != 1
    ]
    assert sorted(held) == sorted(map(name_of, several))
    assert {labels_of(one)["app.kubernetes.io/component"] for one in several} == {"worker", "gateway"}
    assert all(one["spec"]["maxUnavailable"] == 1 for one in budgets)
    for one in several:
        spreads = pod(one)["topologySpreadConstraints"]
        assert {spread["topologyKey"] for spread in spreads} == SPREAD
        assert all(selected(overlay, spread["labelSelector"]) == [one] for spread in spreads)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_worker_is_a_static_member_with_its_own_disk(overlay: str) -> None:
    """The pod's name, which it keeps, is the worker's; so is its volume, which holds the tables."""
    (worker,) = [one for one in of_kind(overlay, "StatefulSet") if one["metadata"]["name"] == "numberline-worker"]
    (container,) = containers(worker)
    (name,) = [env for env in container["env"] if env["name"] == "NUMBERLINE_WORKER_ID"]
    assert name["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (claim,) = worker["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"]["storage"]
    assert claim["metadata"]["name"] in {mount["name"] for mount in container["volumeMounts"]}
    assert "persistentVolumeClaimRetentionPolicy" not in worker["spec"]  # kept, unless said otherwise


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_namespace_refuses_what_is_not_restricted(overlay: str) -> None:
    """Admission judges pods of operators too."""
    (namespace,) = of_kind(overlay, "Namespace")
    modes = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    assert modes.items() <= namespace["metadata"]["labels"].items()


def test_kafka_by_strimzi_keeps_the_same_rules() -> None:
    """Restricted, limited, spread, held by a budget, each volume kept; nobody gets in without a certificate."""
    (kafka,) = of_kind("complete", "Kafka")
    spec, entities = kafka["spec"]["kafka"], kafka["spec"]["entityOperator"]
    for template, names in (
        (spec["template"], ["kafkaContainer"]),
        (entities["template"], ["topicOperatorContainer", "userOperatorContainer"]),
    ):
        assert template["pod"]["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert template["pod"]["enableServiceLinks"] is False
        assert [template[name]["securityContext"] for name in names] == [CLOSED] * len(names)
    pools = of_kind("complete", "KafkaNodePool")
    for one in [*(pool["spec"] for pool in pools), entities["topicOperator"], entities["userOperator"]]:
        assert all(set(one["resources"][kind]) == LIMITED for kind in ("requests", "limits"))
    assert {role: pool["spec"]["replicas"] for pool in pools for role in pool["spec"]["roles"]} == {
        "controller": 3,
        "broker": 3,
    }
    volumes = [volume for pool in pools for volume in pool["spec"]["storage"]["volumes"]]
    assert all(one["type"] == "persistent-claim" and one["deleteClaim"] is False for one in volumes)
    assert {spread["topologyKey"] for spread in spec["template"]["pod"]["topologySpreadConstraints"]} == SPREAD
    assert spec["template"]["podDisruptionBudget"] == {"maxUnavailable": 1}
    (listener,) = spec["listeners"]
    assert (listener["tls"], listener["authentication"]) == (True, {"type": "tls"})
    assert spec["authorization"] == {"type": "simple"}


def test_postgresql_by_cloudnativepg_loses_nothing_that_it_confirmed() -> None:
    """A commit waits for a copy, on another node; its pods are restricted, and held by a budget."""
    (cluster,) = of_kind("complete", "Cluster")
    spec = cluster["spec"]
    assert spec["instances"] == 3
    assert spec["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    assert "synchronous_commit" not in spec["postgresql"]["parameters"]
    assert spec["enablePDB"] is True
    assert spec["enableSuperuserAccess"] is False
    assert spec["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["affinity"]["podAntiAffinityType"] == "required"
    assert all(set(spec["resources"][kind]) == LIMITED for kind in ("requests", "limits"))
    (backup,) = of_kind("complete", "ScheduledBackup")
    assert backup["spec"]["cluster"]["name"] == cluster["metadata"]["name"]


@pytest.mark.parametrize("workload", PODS)
def test_images_are_pinned(workload: Manifest) -> None:
    """To a version; ours to the project's."""
    assert all(pinned(container["image"]) for container in containers(workload))


@pytest.mark.parametrize("image", ["postgres", "postgres:latest", "postgres:18", "python:3", "numberline:9.9.9"])
def test_a_loose_image_is_found(image: str) -> None:
    """The rule itself."""
    assert not pinned(image)
