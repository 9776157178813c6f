"""The probes, asked of the processes' own ports: in the image they are the one thing that nobody sees fail."""

import subprocess
import sys
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from agents.readiness import PARTITIONS, Readiness
from agents.status import DEFAULT_METRICS_PORT, serve_status
from embedded.ports import free_port
from gateway.main import METRICS_PORT
from pipeline.settings import Settings
from tests.deploy.manifests import OVERLAYS, Manifest, containers, of_kind
from tests.deploy.test_compose import SERVICES
from tests.fix_installation import Installation
from tests.processes import get

WORKER, GATEWAY = ("StatefulSet", "numberline-worker"), ("Deployment", "numberline-gateway")
GATEWAY_PORT = Settings.model_fields["gateway_port"].default
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def container(overlay: str, kind: str, name: str) -> Manifest:
    """The one container of a workload."""
    (workload,) = [one for one in of_kind(overlay, kind) if one["metadata"]["name"] == name]
    (found,) = containers(workload)
    return found


def paths(overlay: str, kind: str, name: str) -> dict[str, tuple[str, int]]:
    """Probe -> what it asks, and of which port."""
    one = container(overlay, kind, name)
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    asked = {probe: one[probe]["httpGet"] for probe in PROBES}
    return {probe: (get["path"], ports[get["port"]]) for probe, get in asked.items()}


@dataclass(frozen=True)
class Status:
    """A worker's status port, and what it lacks."""

    port: int
    readiness: Readiness


@pytest.fixture(scope="module")
def worker() -> Status:
    """As a worker opens it."""
    readiness = Readiness()
    return Status(serve_status(CollectorRegistry(), readiness, Settings(metrics_port=0)), readiness)


def status(service: str, asks: int, port: int) -> int:
    """How the health check of a service ends that asks this port instead of its own."""
    python, option, code = SERVICES[service]["healthcheck"]["test"][1:]
    assert (python, option) == ("python", "-c")
    assert f"http://127.0.0.1:{asks}/readyz" in code
    command = [sys.executable, "-c", code.replace(str(asks), str(port))]
    return subprocess.run(command, capture_output=True, timeout=20).returncode


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_worker_is_asked_what_it_answers(overlay: str, worker: Status) -> None:
    """Alive before it has anything, so that a long recovery kills no worker; ready once nothing is missing."""
    asked = paths(overlay, *WORKER)
    assert asked == {
        "startupProbe": ("/healthz", DEFAULT_METRICS_PORT),
        "livenessProbe": ("/healthz", DEFAULT_METRICS_PORT),
        "readinessProbe": ("/readyz", DEFAULT_METRICS_PORT),
    }
    worker.readiness.lacks(PARTITIONS, "tables are being recovered")
    answers = {probe: bool(get(f"http://127.0.0.1:{worker.port}{path}")) for probe, (path, _) in asked.items()}
    assert answers == {"startupProbe": True, "livenessProbe": True, "readinessProbe": False}
    worker.readiness.has(PARTITIONS)
    assert get(f"http://127.0.0.1:{worker.port}{asked['readinessProbe'][0]}")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_gateway_is_asked_what_it_answers(overlay: str, installation: Installation) -> None:
    """By a gateway that runs."""
    asked = paths(overlay, *GATEWAY)
    assert {port for _, port in asked.values()} == {GATEWAY_PORT}
    for path, _ in asked.values():
        assert get(f"http://127.0.0.1:{installation.settings.gateway_port}{path}")
    assert asked["livenessProbe"][0] != asked["readinessProbe"][0]


@pytest.mark.parametrize("service", ["worker-1", "worker-2"])
def test_compose_tells_a_ready_worker(service: str, worker: Status) -> None:
    """Ready, not ready, and gone."""
    worker.readiness.lacks(PARTITIONS, "tables are being recovered")
    assert status(service, DEFAULT_METRICS_PORT, worker.port) == 1
    worker.readiness.has(PARTITIONS)
    assert status(service, DEFAULT_METRICS_PORT, worker.port) == 0
    assert status(service, DEFAULT_METRICS_PORT, free_port()) == 1


def test_compose_tells_a_ready_gateway(installation: Installation) -> None:
    """By one that runs."""
    assert status("gateway", GATEWAY_PORT, installation.settings.gateway_port) == 0
    assert status("gateway", GATEWAY_PORT, free_port()) == 1


def test_ports_are_those_of_the_processes() -> None:
    """What the manifests name is what the code opens."""
    ports = {port["name"]: port["containerPort"] for port in container("small", *GATEWAY)["ports"]}
    assert ports == {
        "http": Settings.model_fields["http_port"].default,
        "websocket": GATEWAY_PORT,
        "metrics": METRICS_PORT,
    }
    assert container("small", *WORKER)["ports"] == [{"name": "metrics", "containerPort": DEFAULT_METRICS_PORT}]
