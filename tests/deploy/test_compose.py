"""docker-compose.yml: what the specification allows, and what we want of it."""

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from agents.status import DEFAULT_METRICS_PORT
from deploy.monitoring.rules import JOBS
from gateway.main import METRICS_PORT
from schemas import topics
from tests.deploy.manifests import EXTENDED, ROOT, containers, of_kind, pod
from tests.deploy.test_policies import pinned
from tests.prometheus import promtool

MONITORING = ROOT / "deploy" / "monitoring"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("numberline:")]
SECRET = re.compile(r"\$\{(\w+):\?set it [^}]+\}")
each_service = pytest.mark.parametrize("name", SERVICES)


def compose_schema() -> Any:
    """The Compose specification's schema, as check-jsonschema brings it.

    Read as a file: the program itself needs a newer click than Faust allows.
    """
    (path,) = [one for one in distribution("check-jsonschema").files or () if one.name == "compose-spec.json"]
    return json.loads(path.read_text(encoding="utf-8"))


def test_compose_follows_the_schema() -> None:
    """Of the Compose specification."""
    jsonschema.validators.validator_for(schema := compose_schema())(schema).validate(COMPOSE)


def test_schema_finds_a_misspelt_key() -> None:
    """The rule itself."""
    wrong = {"services": {"kafka": {"image": "apache/kafka:4.3.1", "restrat": "always"}}}
    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        jsonschema.validate(wrong, compose_schema())


def test_all_processes_are_there() -> None:
    """Two workers, so that one that fails is seen to be replaced."""
    assert set(SERVICES) == {
        "kafka",
        "postgres",
        "init",
        "worker-1",
        "worker-2",
        "gateway",
        "prometheus",
        "grafana",
    }
    assert set(OURS) == {"init", "worker-1", "worker-2", "gateway"}


@each_service
def test_images_are_pinned(name: str) -> None:
    """To a version; ours to the project's."""
    assert pinned(SERVICES[name]["image"])


@each_service
def test_ports_are_this_machines(name: str) -> None:
    """Nothing listens beyond this machine."""
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in SERVICES[name].get("ports", []))


@each_service
def test_long_running_services_are_watched(name: str) -> None:
    """A health check and a restart; `init` ends, and its status is what others wait for."""
    service = SERVICES[name]
    if name == "init":
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


@each_service
def test_dependencies_wait_for_something(name: str) -> None:
    """For health where there is a check, for the end of `init`."""
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        ends = other == "init"
        assert wanted["condition"] == ("service_completed_successfully" if ends else "service_healthy")


@each_service
def test_services_are_limited(name: str) -> None:
    """In processor, memory, processes and size of their logs."""
    assert {"cpus", "memory", "pids"} <= set(SERVICES[name]["deploy"]["resources"]["limits"])
    assert {"max-size", "max-file"} <= set(SERVICES[name]["logging"]["options"])


@each_service
def test_services_gain_no_rights(name: str) -> None:
    """Ours and Kafka have none and write to volumes alone; PostgreSQL's start script needs to be root."""
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name != "postgres":
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


@each_service
def test_secrets_come_from_outside(name: str) -> None:
    """And compose refuses to start without them."""
    for variable, value in SERVICES[name].get("environment", {}).items():
        if "PASSWORD" in variable or "SECRET" in variable:
            assert SECRET.fullmatch(value), variable
        else:
            assert "$" not in value
    url = SERVICES[name].get("environment", {}).get("NUMBERLINE_DATABASE_URL", "")
    assert not re.search(r"//[^/]*:[^/]*@", url)  # no password in it


def test_workers_share_nothing() -> None:
    """Each has a name and a volume of its own."""
    workers = [SERVICES[name] for name in SERVICES if name.startswith("worker")]
    assert len({one["environment"]["NUMBERLINE_WORKER_ID"] for one in workers}) == len(workers)
    volumes = [one["volumes"] for one in workers]
    assert [len(one) for one in volumes] == [1] * len(workers)
    assert len({volume for (volume,) in volumes}) == len(workers)


@each_service
def test_named_volumes_are_declared(name: str) -> None:
    """Compose would refuse an unknown one."""
    sources = {volume.partition(":")[0] for volume in SERVICES[name].get("volumes", [])}
    assert {one for one in sources if not one.startswith(".")} <= set(COMPOSE["volumes"])
    assert all((ROOT / one).exists() for one in sources if one.startswith("."))


def test_prometheus_looks_at_all_of_ours() -> None:
    """Each worker and the gateway, at the ports of their metrics, in the jobs that the rules name."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    workers = [f"{name}:{DEFAULT_METRICS_PORT}" for name in OURS if name.startswith("worker")]
    assert targets == {JOBS["worker"]: workers, JOBS["gateway"]: [f"gateway:{METRICS_PORT}"]}
    inside = {one.split(":")[1] for one in SERVICES["prometheus"]["volumes"]}
    assert set(config["rule_files"]) <= inside


def test_promtool_takes_the_configuration_of_prometheus(tmp_path: Path) -> None:
    """With the rules where it looks for them."""
    text = (MONITORING / "prometheus.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus/rules.yaml", str(MONITORING / "rules.yaml")))
    done = promtool("check", "config", str(config))
    assert done.returncode == 0, done.stderr


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    """By the names of the services, and below what is mounted."""
    (source,) = yaml.safe_load((MONITORING / "grafana" / "datasources.yaml").read_text())["datasources"]
    assert source["url"] == "$PROMETHEUS_URL"
    assert SERVICES["grafana"]["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((MONITORING / "grafana" / "dashboards.yaml").read_text())["providers"]
    mounts = dict(one.split(":")[:2][::-1] for one in SERVICES["grafana"]["volumes"])
    assert mounts[provider["options"]["path"]] == "./deploy/monitoring/dashboards"


@pytest.mark.parametrize("overlay", ["complete", EXTENDED])
def test_grafana_of_the_cluster_is_that_of_compose(overlay: str) -> None:
    """Its image, the same two files where Grafana looks for them, and the dashboards where one of them says."""
    (grafana,) = [one for one in of_kind(overlay, "Deployment") if one["metadata"]["name"] == "grafana"]
    (container,) = containers(grafana)
    assert container["image"] == SERVICES["grafana"]["image"]
    data = {one["metadata"]["name"]: one["data"] for one in of_kind(overlay, "ConfigMap")}
    maps = {one["name"]: data[one["configMap"]["name"]] for one in pod(grafana)["volumes"] if "configMap" in one}
    found = {}
    for mount in container["volumeMounts"]:
        if files := maps.get(mount["name"]):
            found[mount["mountPath"]] = files[mount["subPath"]] if "subPath" in mount else files
    wanted: dict[str, Any] = {}
    for volume in SERVICES["grafana"]["volumes"]:
        source, target = volume.split(":")[:2]
        if source.startswith("."):
            path = ROOT / source
            wanted[target] = (
                {one.name: one.read_text() for one in path.iterdir()} if path.is_dir() else path.read_text()
            )
    assert found == wanted
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert set(variables) == set(SERVICES["grafana"]["environment"])
    assert variables["PROMETHEUS_URL"] == "http://prometheus-operated.monitoring.svc:9090"


def test_servers_are_the_same_as_in_the_small_cluster() -> None:
    """Image and command of Kafka and PostgreSQL: what holds in one place holds in the other."""
    for workload in of_kind("small", "StatefulSet"):
        (container,) = containers(workload)
        if (service := SERVICES.get(workload["metadata"]["name"])) is not None:
            assert container["image"] == service["image"]
            assert container.get("command", container.get("args")) == service["command"]


def test_buffers_are_a_quarter_of_the_memory() -> None:
    """Of PostgreSQL, in compose and in both clusters: the rest is for its sessions and the cache of files."""
    service, (cluster,) = SERVICES["postgres"], of_kind("complete", "Cluster")
    (small,) = [one for one in of_kind("small", "StatefulSet") if one["metadata"]["name"] == "postgres"]
    (container,) = containers(small)
    (told,) = [word for word in service["command"] if word.startswith("shared_buffers=")]
    assert told in container["args"]
    limits = [service["deploy"]["resources"]["limits"], container["resources"]["limits"]]
    assert {mebibytes(one["memory"]) for one in limits} == {4 * mebibytes(told.partition("=")[2])}
    complete = cluster["spec"]
    buffers = complete["postgresql"]["parameters"]["shared_buffers"]
    assert mebibytes(complete["resources"]["limits"]["memory"]) == 4 * mebibytes(buffers)


def mebibytes(size: str) -> int:
    """Of a size such as 256MB, 1G or 4Gi."""
    number, unit = re.fullmatch(r"(\d+)([MG])[Bi]?", size).groups()  # type: ignore[union-attr]
    return int(number) * {"M": 1, "G": 1024}[unit]


def test_broker_settings_fit_the_topics() -> None:
    """Positions outlive every topic, and no topic takes more than the broker."""
    lines = (ROOT / "deploy" / "kafka" / "server.properties").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert int(settings["offsets.retention.minutes"]) * 60 == topics.OFFSETS_RETENTION.total_seconds()
    assert int(settings["message.max.bytes"]) == max(topic.max_message_bytes for topic in topics.TOPICS)
    assert not [name for name in settings if name.startswith("log.retention")]  # each topic has its own
