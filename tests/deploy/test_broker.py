"""deploy/kafka/server.properties, by a real broker: it starts with them, and takes each for what we mean."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from embedded.jars import fetch_jars, read_lock
from embedded.java import java_command
from embedded.kafka import count_brokers
from embedded.ports import free_port
from tests.deploy.manifests import ROOT
from tests.deploy.test_compose import SERVICES
from tests.processes import wait_until

FOLDER = ROOT / "deploy" / "kafka"
PROPERTIES = (FOLDER / "server.properties").read_text()
SETTINGS = dict(line.split("=", 1) for line in PROPERTIES.splitlines() if line and not line.startswith("#"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port HOST of a broker that runs by these settings, at free ports and below a temporary directory."""
    internal, host, controller = free_port(), free_port(), free_port()
    text = PROPERTIES.replace("kafka:19092", f"127.0.0.1:{internal}").replace(":19092", f":{internal}")
    text = text.replace(":9092", f":{host}").replace(":29093", f":{controller}")
    text = text.replace("/var/lib/kafka/data", str(tmp_path / "data")).replace("://:", "://127.0.0.1:")
    properties = tmp_path / "server.properties"
    properties.write_text(text)
    jars = fetch_jars(read_lock(), None)
    java = [*java_command(), "-Xmx256m", "-cp", ":".join(map(str, jars))]
    (cluster,) = re.findall(r"^cluster_id=(\S+)$", (FOLDER / "start.sh").read_text(), re.MULTILINE)
    form = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", cluster]
    for _ in range(2):  # the second time as after a restart
        subprocess.run([*form, "--config", str(properties)], check=True, capture_output=True, timeout=60)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=log, stderr=log) as process,
    ):
        try:
            wait_until(lambda: process.poll() is not None or count_brokers(host), 60, "broker")
            assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
            yield host
        finally:
            process.terminate()


async def test_broker_runs_by_these_settings(broker: int) -> None:
    """Kafka passes over a misspelt property in silence: so each must come back from the broker, with its value."""
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker}")
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
    finally:
        await admin.close()
    ((_, _, _, _, entries),) = answer.resources
    known = {entry[0]: entry[1] for entry in entries}
    assert set(known) >= set(SETTINGS)
    unmoved = {name: value for name, value in SETTINGS.items() if not re.search(r":|/", value)}
    assert {name: known[name] for name in unmoved} == unmoved
    assert set(unmoved) >= {"auto.create.topics.enable", "offsets.retention.minutes", "message.max.bytes"}


def test_script_is_sound() -> None:
    """bash reads it, and it stops at the first error."""
    script = FOLDER / "start.sh"
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=10)
    assert "set -euo pipefail" in script.read_text()
    assert SERVICES["kafka"]["command"] == ["bash", "/etc/numberline-kafka/start.sh"]


def test_broker_is_the_one_of_the_tests() -> None:
    """The image's version is that of the embedded broker, with which everything else is tested."""
    version = SERVICES["kafka"]["image"].partition(":")[2]
    assert f"kafka-server-{version}.jar" in " ".join(path.name for path in fetch_jars(read_lock(), None))
