"""Every NUMBERLINE_ variable that is set somewhere is a setting, and its value is one it takes."""

import re
from typing import Any

import pytest

from pipeline.settings import Settings, load_settings, variable
from tests.deploy.manifests import OVERLAYS, ROOT, containers, of_kind, settings_of, workloads
from tests.deploy.test_compose import OURS, SERVICES

GIVEN = {  # what an operator puts in
    "database-url": "postgresql://numberline:password@postgres/numberline",
    "auth-secret": "0123456789abcdef0123456789abcdef",
    "postgres-password": "password",
    "twilio-account-sid": "AC123",
    "twilio-auth-token": "token",
    "uri": "postgresql://numberline:password@numberline-postgres-rw.numberline:5432/numberline",
}
IMAGE = dict(re.findall(r"(NUMBERLINE_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))


def value_of(entry: dict[str, Any], workload: str) -> str:
    """What a variable of a pod will be."""
    match entry.get("valueFrom", {}):
        case {"secretKeyRef": {"key": key}}:
            return GIVEN[key]
        case {"fieldRef": {"fieldPath": "metadata.name"}}:
            return f"{workload}-0"
    return str(entry["value"])


def environments() -> dict[str, dict[str, str]]:
    """Process -> the variables it will see."""
    found: dict[str, dict[str, str]] = {}
    for name in OURS:
        own = {
            key: re.sub(r"\$\{.*\}", GIVEN["auth-secret"], v) for key, v in SERVICES[name]["environment"].items()
        }
        found[f"compose-{name}"] = IMAGE | own
    for overlay in OVERLAYS:
        for workload in workloads(overlay):
            name = workload["metadata"]["name"]
            if name.startswith("numberline-"):
                (container,) = containers(workload)
                own = {entry["name"]: value_of(entry, name) for entry in container.get("env", [])}
                found[f"{overlay}-{name.removeprefix('numberline-')}"] = IMAGE | settings_of(overlay) | own
    return found


@pytest.mark.parametrize("process", environments())
def test_settings_are_taken(process: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them known, none wrong; what a process cannot do without is there."""
    environment = environments()[process]
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.host == "0.0.0.0"
    assert settings.kafka_bootstrap_servers != Settings.model_fields["kafka_bootstrap_servers"].default
    if "gateway" in process or "worker" in process:
        assert settings.auth_secret is not None
    if "gateway" not in process:
        assert "NUMBERLINE_DATABASE_URL" in environment
    if "worker" in process:
        assert settings.worker_id.removeprefix("numberline-").startswith("worker-")


@pytest.mark.parametrize("process", [name for name in environments() if name.endswith("init")])
def test_init_is_told_how_to_lay_out_topics(process: str) -> None:
    """The partition count is for good: nobody should get a default unseen."""
    assert {"NUMBERLINE_PARTITIONS", "NUMBERLINE_REPLICATION_FACTOR"} <= set(environments()[process])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_workers_keep_their_state_on_their_volume(overlay: str) -> None:
    """The state directory is where the claim is mounted."""
    (worker,) = [one for one in of_kind(overlay, "StatefulSet") if one["metadata"]["name"] == "numberline-worker"]
    (claim,) = worker["spec"]["volumeClaimTemplates"]
    mounts = {mount["name"]: mount["mountPath"] for mount in containers(worker)[0]["volumeMounts"]}
    assert mounts[claim["metadata"]["name"]] == IMAGE["NUMBERLINE_STATE_DIR"]
    assert all(
        SERVICES[name]["volumes"] == [f"{name}:{IMAGE['NUMBERLINE_STATE_DIR']}"]
        for name in OURS
        if "worker" in name
    )
