"""The manifests are what Kubernetes takes, and they fit together."""

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from deploy.monitoring.rules import JOBS, groups
from pipeline.acls import acls
from schemas import topics
from tests.deploy.manifests import (
    EXTENDED,
    K8S,
    OVERLAYS,
    SHIPPED,
    Manifest,
    containers,
    labels_of,
    manifests,
    name_of,
    of_kind,
    operated,
    pod,
    ports_of,
    selected,
    settings_of,
    workloads,
)

CRDS = Path(__file__).with_name("crds")
EVERY = [pytest.param(one, id=f"{overlay}-{name_of(one)}") for overlay in OVERLAYS for one in manifests(overlay)]
SCALED = ("operators", "complete", EXTENDED)
# an address of each private network, and the one at which clouds tell a machine its credentials
PRIVATE = (
    *("10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1"),
    *("fd00::1", "fe80::1"),
)
OPERATORS = {
    "monitoring.coreos.com",
    "keda.sh",
    "kafka.strimzi.io",
    "postgresql.cnpg.io",
}  # groups of their resources
CUSTOM = sorted({one["kind"] for one in manifests("complete") if one["apiVersion"].partition("/")[0] in OPERATORS})
VERSIONS = ("1.33.0", kubernetes_validate.latest_version())  # the oldest that the README promises


@pytest.mark.parametrize("manifest", EVERY)
@pytest.mark.parametrize("version", VERSIONS)
def test_manifest_follows_the_schema(manifest: Manifest, version: str) -> None:
    """Of Kubernetes or of the operator, strictly: an unknown field is an error."""
    if (schema := custom_schema(manifest)) is not None:
        schema.validate(manifest)
    else:
        kubernetes_validate.validate(manifest, version.rpartition(".")[0], strict=True)


def custom_schema(manifest: Manifest) -> Any:
    """What validates a custom resource; None for what is Kubernetes' own.

    The schema itself is not validated: its patterns are Go's.
    """
    group, _, version = manifest["apiVersion"].partition("/")
    if group not in OPERATORS:
        return None
    schema = json.loads((CRDS / f"{manifest['kind'].lower()}_{version}.json").read_text())
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("kind", CUSTOM)
def test_schema_of_an_operator_finds_a_misspelt_key(kind: str) -> None:
    """The rule itself."""
    one = of_kind("complete", kind)[0]
    wrong = {**one, "spec": {**one["spec"], "misspelt": 3}}
    with pytest.raises(jsonschema.ValidationError, match="misspelt"):
        custom_schema(wrong).validate(wrong)


@pytest.mark.parametrize("overlay", SCALED)
def test_what_scales_has_no_count_of_its_own(overlay: str) -> None:
    """Each apply would set it back; there are never more workers than partitions."""
    scalers = [*of_kind(overlay, "HorizontalPodAutoscaler"), *of_kind(overlay, "ScaledObject")]
    targets = {(one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"]) for one in scalers}
    scaled = [one for one in workloads(overlay) if labels_of(one)["app.kubernetes.io/name"] == "numberline"]
    scaled = [one for one in scaled if one["kind"] != "Job"]
    assert targets == {(one["kind"], one["metadata"]["name"]) for one in scaled}
    assert all("replicas" not in one["spec"] for one in scaled)
    (workers,) = of_kind(overlay, "ScaledObject")
    settings = settings_of(overlay)
    assert workers["spec"]["maxReplicaCount"] <= int(settings["NUMBERLINE_PARTITIONS"])
    for trigger in workers["spec"]["triggers"]:
        asked = trigger["metadata"]
        assert trigger["type"] == "kafka"
        assert int(asked["lagThreshold"]) > 0
        assert asked["bootstrapServers"] == settings["NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS"]
        assert asked["topic"].removeprefix(f"{asked['consumerGroup']}.") in {topic.name for topic in topics.TOPICS}
    assert {trigger["metadata"]["topic"] for trigger in workers["spec"]["triggers"]} == {
        rule.name for rule in acls("numberline", "scaler") if rule.resource == "topic"
    }
    (gateways,) = of_kind(overlay, "HorizontalPodAutoscaler")
    assert gateways["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    assert [metric["resource"]["name"] for metric in gateways["spec"]["metrics"]] == ["cpu"]
    assert gateways["spec"]["maxReplicas"] > gateways["spec"]["minReplicas"] >= 2


@pytest.mark.parametrize("overlay", SCALED)
def test_prometheus_finds_every_pod_with_metrics(overlay: str) -> None:
    """By a port that workers and gateways have, and with the jobs that the rules name."""
    (monitor,) = of_kind(overlay, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    watched = [one for one in selected(overlay, monitor["spec"]["selector"]) if endpoint["port"] in ports_of(one)]
    components = {labels_of(one)["app.kubernetes.io/component"] for one in watched}
    job = endpoint["relabelings"][0]
    assert job["targetLabel"] == "job"
    assert {job["replacement"].replace("$1", one) for one in components} == set(JOBS.values())


@pytest.mark.parametrize("overlay", SCALED)
def test_rules_and_dashboards_are_those_of_everywhere(overlay: str) -> None:
    """One source, also compose's (test_compose.py), and the dashboards small enough to be applied."""
    (rule,) = of_kind(overlay, "PrometheusRule")
    assert rule["spec"] == groups()
    (made,) = [one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"] == "numberline-dashboards"]
    folder = K8S.parent / "monitoring" / "dashboards"
    assert made["data"] == {path.name: path.read_text() for path in folder.iterdir()}
    assert sum(map(len, made["data"].values())) < 250_000  # what `kubectl apply` repeats in an annotation


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_given_once(overlay: str) -> None:
    """A second object of a name would replace the first."""
    names = [name_of(one) for one in manifests(overlay)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workloads_select_their_own_pods(overlay: str) -> None:
    """And nobody else's; a Job's selector is made by Kubernetes."""
    for one in workloads(overlay):
        if one["kind"] != "Job":
            assert selected(overlay, one["spec"]["selector"]) == [one]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_reach_ports_that_are_there(overlay: str) -> None:
    """Each selects one workload, by names of its ports."""
    for service in of_kind(overlay, "Service"):
        (target,) = selected(overlay, {"matchLabels": service["spec"]["selector"]})
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports_of(target))
    names = {one["metadata"]["name"] for one in of_kind(overlay, "Service")}
    assert {one["spec"]["serviceName"] for one in of_kind(overlay, "StatefulSet")} <= names


def flows(overlay: str, direction: str, peers: str) -> Iterator[tuple[Manifest, list[Any], set[int]]]:
    """(workload, peers, ports) of each rule of each network policy."""
    for policy in of_kind(overlay, "NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            for one in selected(overlay, policy["spec"]["podSelector"]):
                yield one, rule.get(peers, []), {port["port"] for port in rule["ports"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_passes_by_default(overlay: str) -> None:
    """Both ways, for all pods of the namespace."""
    (deny,) = [one for one in of_kind(overlay, "NetworkPolicy") if one["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind(overlay, "NetworkPolicy"):
        assert selected(overlay, policy["spec"]["podSelector"]), f"{name_of(policy)} selects nobody"
        assert {one.capitalize() for one in policy["spec"] if one in ("ingress", "egress")} <= set(
            policy["spec"]["policyTypes"]
        )


def opened(overlay: str) -> set[tuple[str, str, int]]:
    """(who, whom, port): what pods of the namespace may open of each other, and there is such a port."""
    found = set()
    for one, peers, ports in flows(overlay, "egress", "to"):
        for peer in peers:
            if "podSelector" in peer and "namespaceSelector" not in peer:
                for other in selected(overlay, peer["podSelector"]):
                    assert ports <= set(ports_of(other).values())
                    found |= {(one["metadata"]["name"], other["metadata"]["name"], port) for port in ports}
    return found


def let_in(overlay: str) -> set[tuple[str, str, int]]:
    """The same, as the other side lets it in; the policy of a listener of Kafka is made by Strimzi."""
    rules = [(one["metadata"]["name"], peers, ports) for one, peers, ports in flows(overlay, "ingress", "from")]
    for kafka in of_kind(overlay, "Kafka"):
        for one in kafka["spec"]["kafka"]["listeners"]:
            rules.append((f"{kafka['metadata']['name']}-kafka", one["networkPolicyPeers"], {one["port"]}))
    found = set()
    for name, peers, ports in rules:
        for peer in peers:
            if "namespaceSelector" not in peer:
                for other in selected(overlay, peer["podSelector"]):
                    found |= {(other["metadata"]["name"], name, port) for port in ports}
    return found


OURS = ("numberline-init", "numberline-worker", "numberline-gateway")
API = (443, 6443)  # of Kubernetes


def test_small_cluster_lets_through_what_must_pass() -> None:
    """Who may open which port of whom, and the other side lets it in: this and nothing else."""
    assert opened("small") == let_in("small")
    assert opened("small") == {
        *((name, "kafka", 19092) for name in (*OURS, "kafka")),
        *((name, "postgres", 5432) for name in OURS),
    }


def test_complete_cluster_lets_through_what_must_pass() -> None:
    """The same; what passes inside Kafka Strimzi lets in by itself."""
    inside = {
        (name, "numberline-kafka", port)
        for name in ("numberline-kafka", "numberline-entity-operator")
        for port in (9090, 9091)
    }
    assert opened("complete") == let_in("complete") | inside
    assert opened("complete") - inside == {
        *((name, "numberline-kafka", 9093) for name in OURS),
        *((name, "numberline-postgres", 5432) for name in (*OURS, "numberline-postgres")),
        ("numberline-postgres", "numberline-postgres", 8000),
    }


def lets_through(block: Manifest, address: str) -> bool:
    """Whether a block of addresses holds this one."""
    inside = [ip_address(address) in ip_network(one) for one in (block["cidr"], *block.get("except", ()))]
    return inside[0] and not any(inside[1:])


def beyond(overlay: str, direction: str, peers: str) -> set[tuple[str, str, int]]:
    """(who, whom, port): what passes between pods and what is not of the namespace: another one, or addresses."""
    found = set()
    for one, others, ports in flows(overlay, direction, peers):
        for peer in others or [{"ipBlock": {"cidr": "0.0.0.0/0"}}]:  # a rule that names nobody is for all
            if "namespaceSelector" in peer:
                labels = peer["namespaceSelector"].get("matchLabels", {})
                whom = labels.get("kubernetes.io/metadata.name", "anywhere")
            elif "ipBlock" in peer:
                whom = "anywhere" if any(lets_through(peer["ipBlock"], one) for one in PRIVATE) else "public"
            else:
                continue
            found |= {(one["metadata"]["name"], whom, port) for port in ports}
    return found


def leaves(overlay: str) -> set[tuple[str, str, int]]:
    """What pods may open outside of the namespace, but names, which all may ask for."""
    found = beyond(overlay, "egress", "to")
    names = {(one["metadata"]["name"], "kube-system", 53) for one in (*workloads(overlay), *operated(overlay))}
    assert names <= found
    return found - names


def test_small_cluster_asks_for_names_and_nothing_else() -> None:
    """Whatever else a pod would want to reach beyond its namespace is refused."""
    assert leaves("small") == set()


@pytest.mark.parametrize("overlay", ["production", "operators"])
def test_production_reaches_the_servers_of_others_alone(overlay: str) -> None:
    """Wherever they are, by their ports; pods of the namespace speak to none of each other."""
    assert leaves(overlay) == {(name, "anywhere", port) for name in OURS for port in (5432, 9092)}
    assert opened(overlay) == let_in(overlay) == set()


def test_complete_cluster_reaches_what_it_watches_and_the_api() -> None:
    """The latter its operators' pods alone, none of ours."""
    assert leaves("complete") == {
        ("grafana", "monitoring", 9090),
        *(
            (name, "anywhere", port)
            for name in ("numberline-entity-operator", "numberline-postgres")
            for port in API
        ),
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_other_namespaces_reach_metrics_alone(overlay: str) -> None:
    """And clients, from everywhere, the gateway; the operator of PostgreSQL its pods."""
    wanted = {(name, "monitoring", port) for name in OURS for port in (9101, 9102)}
    wanted |= {("numberline-gateway", "anywhere", port) for port in (6160, 6161)}
    for one in of_kind(overlay, "Cluster"):
        wanted |= {(one["metadata"]["name"], "cnpg-system", port) for port in (5432, 8000)}
    assert beyond(overlay, "ingress", "from") == wanted


def test_components_open_what_they_need_and_no_more() -> None:
    """A collector, a provider of lookups, an identity provider: each for those that ask it; no private address."""
    assert leaves(EXTENDED) - leaves("complete") == {
        ("numberline-gateway", "observability", 4318),
        ("numberline-worker", "observability", 4318),
        ("numberline-worker", "public", 443),
        ("numberline-gateway", "public", 443),
    }
    assert settings_of(EXTENDED)["OTEL_EXPORTER_OTLP_ENDPOINT"].endswith(".observability.svc:4318")


@pytest.mark.parametrize("overlay", SHIPPED)
def test_what_a_component_brings_is_off_without_it(overlay: str) -> None:
    """No overlay traces, asks a provider, or trusts somebody's keys by itself."""
    assert not {"NUMBERLINE_TRACING", "NUMBERLINE_LOOKUP_PROVIDER", "NUMBERLINE_AUTH_JWKS_URL"} & set(
        settings_of(overlay)
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_clients_reach_gateways_alone(overlay: str) -> None:
    """The ports that are open to all: HTTP and WebSocket."""
    to_all = [(one, ports) for one, peers, ports in flows(overlay, "ingress", "from") if not peers]
    assert [(one["metadata"]["name"], ports) for one, ports in to_all] == [("numberline-gateway", {6160, 6161})]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_metrics_can_be_read_from_the_monitoring_namespace(overlay: str) -> None:
    """Every port named metrics."""
    for one in workloads(overlay):
        if port := ports_of(one).get("metrics"):
            assert any(
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}} in peers
                and port in ports
                for other, peers, ports in flows(overlay, "ingress", "from")
                if other is one
            )


def secrets_of(overlay: str) -> dict[str, set[str]]:
    """Secret -> its keys: the one that a person makes (deploy/README.md), and those that operators make."""
    found = {"numberline": {"auth-secret", "database-url", "postgres-password", "grafana-password"}}
    found["numberline"] |= {"twilio-account-sid", "twilio-auth-token"}
    for one in of_kind(overlay, "Kafka"):
        found[f"{one['metadata']['name']}-cluster-ca-cert"] = {"ca.crt"}
    for one in of_kind(overlay, "KafkaUser"):
        found[one["metadata"]["name"]] = {"user.crt", "user.key"}
    for one in of_kind(overlay, "Cluster"):
        found[f"{one['metadata']['name']}-app"] = {"uri"}
        found[f"{one['metadata']['name']}-ca"] = {"ca.crt"}
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_references_lead_somewhere(overlay: str) -> None:
    """ConfigMaps and service accounts are there; Secrets are a person's or an operator's, and none is in here."""
    there = {(one["kind"], one["metadata"]["name"]) for one in manifests(overlay)}
    secrets = secrets_of(overlay)
    assert not of_kind(overlay, "Secret")
    asked = [
        (one["name"], one["key"])
        for login in of_kind(overlay, "TriggerAuthentication")
        for one in login["spec"]["secretTargetRef"]
    ]
    for one in workloads(overlay):
        assert ("ServiceAccount", pod(one)["serviceAccountName"]) in there
        maps = [volume["configMap"]["name"] for volume in pod(one)["volumes"] if "configMap" in volume]
        for container in containers(one):
            maps += [source["configMapRef"]["name"] for source in container.get("envFrom", [])]
            references = [env["valueFrom"] for env in container.get("env", []) if "valueFrom" in env]
            keys = [reference["secretKeyRef"] for reference in references if "secretKeyRef" in reference]
            asked += [(key["name"], key["key"]) for key in keys]
        assert {("ConfigMap", name) for name in maps} <= there
        for volume in pod(one)["volumes"]:
            for source in volume.get("projected", {}).get("sources", []):
                asked += [(source["secret"]["name"], item["key"]) for item in source["secret"]["items"]]
    for name, key in asked:
        assert key in secrets[name], f"{name}/{key}"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_mounts_have_volumes(overlay: str) -> None:
    """And every volume is mounted."""
    for one in workloads(overlay):
        volumes = {volume["name"] for volume in pod(one)["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for container in containers(one) for mount in container["volumeMounts"]} == volumes
