"""Kafka and PostgreSQL by operators: the same topics, rules, settings and versions as everywhere."""

import subprocess
import sys

import pytest
import yaml

from deploy.strimzi import files, user_name
from pipeline.acls import ROLES, acls
from schemas import topics
from tests.deploy.manifests import K8S, ROOT, Manifest, of_kind, settings_of
from tests.deploy.test_broker import SETTINGS
from tests.deploy.test_compose import SERVICES
from tests.deploy.test_kubernetes import custom_schema

OVERLAY = "complete"
ELSEWHERE = {
    "auto.create.topics.enable",
    "offsets.retention.minutes",
    "group.min.session.timeout.ms",
    "message.max.bytes",
}


def kafka() -> Manifest:
    """The one cluster."""
    (found,) = of_kind(OVERLAY, "Kafka")
    spec = found["spec"]["kafka"]
    assert isinstance(spec, dict)
    return spec


@pytest.mark.parametrize(("path", "text"), [pytest.param(*one, id=one[0].name) for one in files()])
def test_files_are_in_step(path: object, text: str) -> None:
    """`python -m deploy.strimzi` would change nothing."""
    assert (K8S / "overlays" / OVERLAY / str(path).rpartition("/")[2]).read_text() == text


def test_every_topic_is_there_as_init_would_make_it() -> None:
    """Those of the table and the changelogs, with its settings, and the counts that `init` is told."""
    made = {one["metadata"]["name"]: one["spec"] for one in of_kind(OVERLAY, "KafkaTopic")}
    wanted = {topics.topic_name("numberline", topic): topic.config() for topic in topics.TOPICS}
    wanted |= {topics.changelog_name("numberline", table): dict(topics.CHANGELOG_CONFIG) for table in topics.TABLES}
    in_sync = {"min.insync.replicas": "2"}
    assert {name: spec["config"] for name, spec in made.items()} == {
        name: config | in_sync for name, config in wanted.items()
    }
    settings = settings_of(OVERLAY)
    assert {(spec["partitions"], spec["replicas"]) for spec in made.values()} == {
        (int(settings["NUMBERLINE_PARTITIONS"]), int(settings["NUMBERLINE_REPLICATION_FACTOR"]))
    }


@pytest.mark.parametrize("role", ROLES)
def test_user_may_do_what_its_role_may(role: str) -> None:
    """Rule by rule, and no more."""
    (user,) = [one for one in of_kind(OVERLAY, "KafkaUser") if one["metadata"]["name"] == user_name(role)]  # type: ignore[arg-type]
    assert user["spec"]["authentication"] == {"type": "tls"}
    made = {
        (
            one["resource"]["type"],
            one["resource"].get("name", "kafka-cluster"),
            one["resource"].get("patternType") == "prefix",
            frozenset(operation.lower() for operation in one["operations"]),
        )
        for one in user["spec"]["authorization"]["acls"]
    }
    assert made == {
        (one.resource, one.name, one.prefix, frozenset(name.replace("_", "").lower() for name in one.operations))
        for one in acls("numberline", role)  # type: ignore[arg-type]
    }


def test_a_sender_is_what_strimzi_takes() -> None:
    """By its schema, as `python -m deploy.strimzi sender` prints it; a user and a name of its own."""
    command = [sys.executable, "-m", "deploy.strimzi", "sender", "billing", "load-tests"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    made = list(yaml.safe_load_all(done.stdout))
    assert [one["metadata"]["name"] for one in made] == [
        "numberline-requests-billing",
        "numberline-requests-load-tests",
    ]
    (shared,) = [one for one in of_kind(OVERLAY, "KafkaUser") if one["metadata"]["name"] == user_name("requests")]
    for one in made:
        custom_schema(one).validate(one)
        assert one["spec"] == shared["spec"]


def test_senders_reach_kafka() -> None:
    """From a namespace with the label that the documents name."""
    peers = kafka()["listeners"][0]["networkPolicyPeers"]
    assert {"namespaceSelector": {"matchLabels": {"numberline/sends-requests": "true"}}} in peers
    assert "numberline/sends-requests=true" in (ROOT / "docs" / "kafka-security.md").read_text()


def test_all_belong_to_the_one_cluster() -> None:
    """Strimzi passes over what names another."""
    (cluster,) = of_kind(OVERLAY, "Kafka")
    belonging = [one for kind in ("KafkaNodePool", "KafkaTopic", "KafkaUser") for one in of_kind(OVERLAY, kind)]
    names = {one["metadata"]["labels"]["strimzi.io/cluster"] for one in belonging}
    assert names == {cluster["metadata"]["name"]}
    address = f"{cluster['metadata']['name']}-kafka-bootstrap.{cluster['metadata']['namespace']}.svc"
    assert (
        settings_of(OVERLAY)["NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS"] == f"{address}:{kafka()['listeners'][0]['port']}"
    )


def test_broker_has_the_settings_of_the_others() -> None:
    """Those that do not hang on the number of brokers; and no topic goes with a KafkaTopic."""
    config = {name: str(value) for name, value in kafka()["config"].items()}
    assert {name: config[name] for name in ELSEWHERE} == {name: SETTINGS[name] for name in ELSEWHERE}
    assert config["delete.topic.enable"] == "false"


def test_versions_are_those_of_everywhere() -> None:
    """Of compose, which are those of the tests."""
    assert kafka()["version"] == SERVICES["kafka"]["image"].partition(":")[2]
    (cluster,) = of_kind(OVERLAY, "Cluster")
    version = cluster["spec"]["imageName"].rpartition(":")[2].partition("-")[0]
    assert version == SERVICES["postgres"]["image"].partition(":")[2].partition("-")[0]


def test_scaler_shows_its_own_certificate() -> None:
    """KEDA is in another namespace, and asks by TLS."""
    (scaler,) = of_kind(OVERLAY, "ScaledObject")
    (login,) = of_kind(OVERLAY, "TriggerAuthentication")
    for trigger in scaler["spec"]["triggers"]:
        assert trigger["metadata"]["tls"] == "enable"
        assert trigger["authenticationRef"]["name"] == login["metadata"]["name"]
        topic = trigger["metadata"]["topic"]
        assert topic in {one.name for one in acls("numberline", "scaler") if one.resource == "topic"}
    assert {one["name"] for one in login["spec"]["secretTargetRef"]} == {
        "numberline-cluster-ca-cert",
        user_name("scaler"),
    }
