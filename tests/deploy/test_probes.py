"""The workers' probes, run: in the image they are the one thing that nobody sees fail."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from agents.status import DEFAULT_METRICS_PORT
from embedded.ports import free_port
from gateway.main import METRICS_PORT
from pipeline.metrics import WorkerMetrics
from pipeline.settings import Settings
from tests.deploy.manifests import Manifest, containers, of_kind
from tests.deploy.test_compose import SERVICES

WORKER = "numberline-worker"


def container(kind: str, name: str) -> Manifest:
    """The one container of a workload."""
    (workload,) = [one for one in of_kind("small", kind) if one["metadata"]["name"] == name]
    (found,) = containers(workload)
    return found


PROBES = {
    "compose": SERVICES["worker-1"]["healthcheck"]["test"][1:],
    "kubernetes": container("StatefulSet", WORKER)["readinessProbe"]["exec"]["command"],
}


@pytest.fixture
def metrics() -> Iterator[tuple[WorkerMetrics, int]]:
    """A worker's metrics, served as a worker does."""
    registry = CollectorRegistry()
    server, thread = start_http_server(free_port(), "127.0.0.1", registry)
    yield WorkerMetrics(registry), server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def status(command: list[str], port: int) -> int:
    """How a probe ends that asks this port."""
    assert command[0] == "python"
    code = command[2].replace(str(DEFAULT_METRICS_PORT), str(port))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20).returncode


@pytest.mark.parametrize("place", PROBES)
def test_probe_tells_a_ready_worker(place: str, metrics: tuple[WorkerMetrics, int]) -> None:
    """Ready, not ready, and gone."""
    ready, port = metrics
    assert status(PROBES[place], port) == 1
    ready.ready.set(1)
    assert status(PROBES[place], port) == 0
    assert status(PROBES[place], free_port()) == 1


@pytest.mark.parametrize("place", PROBES)
def test_probe_asks_the_port_of_the_metrics(place: str) -> None:
    """The one that a worker takes without a setting."""
    assert f"127.0.0.1:{DEFAULT_METRICS_PORT}/metrics" in PROBES[place][2]


def test_ports_are_those_of_the_processes() -> None:
    """What the manifests name is what the code opens."""
    ports = {port["name"]: port["containerPort"] for port in container("Deployment", "numberline-gateway")["ports"]}
    assert ports == {
        "http": Settings.model_fields["http_port"].default,
        "websocket": Settings.model_fields["gateway_port"].default,
        "metrics": METRICS_PORT,
    }
    assert container("StatefulSet", WORKER)["ports"] == [{"name": "metrics", "containerPort": DEFAULT_METRICS_PORT}]
