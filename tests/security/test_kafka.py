"""Kafka with TLS, logins, certificates and access rules: each process works with its own, and with nothing more."""

import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.strimzi import sender
from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.client import signing_rules
from pipeline.acls import ROLES, Acl, acls
from pipeline.errors import SettingsInvalid
from pipeline.kafka_security import security_options
from pipeline.settings import Settings
from pipeline.tokens import sign
from schemas import topics
from tests.docs.pages import page, tables
from tests.end_to_end.test_lookups import asking, external
from tests.fix_installation import Installation, make_installation
from tests.lookup_server import LookupServer
from tests.processes import Process, get, wait_until
from tests.security.broker import ADMIN, PASSWORD, SecureBroker, secure_broker

PLACE = "numberline"
AREA_CODES = ("202", "213", "305", "312", "404", "503", "617", "702", "808", "907")  # of several partitions


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """With the rules of each role for one installation."""
    with secure_broker(tmp_path_factory.mktemp("broker")) as found:
        found.allow("secure")
        yield found


@pytest.fixture(scope="module")
def made(
    broker: SecureBroker, kafka_server: Kafka, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Made by the user init; where it is, each process is told by its own login."""
    found = make_installation(kafka_server, postgres_server, tmp_path_factory.mktemp("secure"), "secure")
    done = found.run("init", **broker.login("init"))
    assert done.returncode == 0, done.stderr
    return found


@pytest.fixture(scope="module")
def running(broker: SecureBroker, made: Installation) -> Iterator[Process]:
    """A worker with a password and a gateway with a certificate, which is returned."""
    with (
        LookupServer().running() as provider,
        made.worker(**broker.login("worker"), **asking(provider)),
        made.process("gateway", "gateway", **broker.certificate("gateway")) as gateway,
    ):
        wait_until(lambda: get(f"http://127.0.0.1:{made.settings.gateway_port}/readyz"), 30, "ready gateway")
        yield gateway
    for log in ("w1.log", "gateway.log"):
        assert PASSWORD not in (made.directory / log).read_text()


def test_a_request_goes_all_the_way(broker: SecureBroker, made: Installation, running: Process) -> None:
    """Each process as its own user; the gateway also leaves a record of what an operator reads."""
    user = "ann"
    body = made.request(user, area_code="415", quantity=300, batch_size=100)
    _send(broker.client("requests"), "secure.requests", json.dumps(body).encode())
    wait_until(lambda: _completed(made) == 1, 60, "task by Kafka")
    lag = 'numberline_consumer_lag_records{topic="requests"} 0.0'
    wait_until(lambda: lag in get(f"http://127.0.0.1:{running.metrics_port}/metrics"), 30, "lag")
    fields = json.dumps({"quantity": 10, "area_code": "212"}).encode()
    assert _call(made, "generate-numbers-enhanced/", user, fields) == 202
    wait_until(lambda: _completed(made) == 2, 60, "task by HTTP")
    wait_until(lambda: running.metric('numberline_region_numbers{region="NY",status="used"}') == 10, 30, "usage")
    assert _call(made, f"tasks/?user_id={user}", "boss", scopes=[made.settings.auth_operator_scope]) == 200
    judged = external(user, numbers=["+14155550123"])
    _send(broker.client("requests"), "secure.requests", json.dumps(judged).encode())
    wait_until(lambda: _completed(made) == 3, 60, "validation, with a lookup")


@pytest.mark.usefixtures("running")
def test_each_may_log_in_the_other_way(broker: SecureBroker, made: Installation) -> None:
    """A worker with a certificate, as in `complete`, works; a gateway with a password submits."""
    port, ready = free_port(), free_port()
    ports = {"NUMBERLINE_HTTP_PORT": str(port), "NUMBERLINE_GATEWAY_PORT": str(ready)}
    with (
        made.worker("w2", **broker.certificate("worker")) as worker,
        made.process("gateway", "g2", **ports, **broker.login("gateway")),
    ):
        wait_until(lambda: get(f"http://127.0.0.1:{ready}/readyz"), 30, "ready gateway")
        before = _completed(made)
        for area_code in AREA_CODES:
            fields = json.dumps({"quantity": 10, "area_code": area_code}).encode()
            assert _call(made, "generate-numbers-enhanced/", "eve", fields, port=port) == 202
        wait_until(lambda: _completed(made) == before + len(AREA_CODES), 60, "tasks of both workers")
        assert worker.metric('numberline_records_total{step="allocate"}') > 0


def _call(
    made: Installation,
    path: str,
    user: str,
    fields: bytes | None = None,
    scopes: Sequence[str] = (),
    port: int | None = None,
) -> int:
    """The status of an HTTP call, a POST where there are fields; port: of another gateway."""
    token = sign(signing_rules(made.settings), user, time.time(), 600, scopes=scopes)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{port or made.settings.http_port}/api/{path}"
    with urllib.request.urlopen(urllib.request.Request(url, fields, headers), timeout=30) as answer:
        return int(answer.status)


@pytest.mark.usefixtures("running")
def test_commands_work_with_their_rules(broker: SecureBroker, made: Installation) -> None:
    """Those of users by the role requests, those of operators by theirs."""
    generate = ("generate", "--area-code", "212", "--quantity", "20", "--user", "bob", "--request-id", "by-command")
    _done(made.run(*generate, **broker.login("requests")))
    operator = broker.certificate("operator")
    _done(made.run("verify", **operator))
    _send(broker.client("requests"), "secure.requests", b"{")
    letters = ("deadletters", "list", "--json", "--reason", "unreadable_request")
    wait_until(lambda: _done(made.run(*letters, **operator)), 60, "dead letter")
    replay = ("deadletters", "replay", "--yes", "--reason", "unreadable_request")
    assert "sent again" in _done(made.run(*replay, **operator))
    _send(broker.client("worker"), "secure.progress", b"no event")
    of_project = ("deadletters", "list", "--json", "--stage", "project")
    wait_until(lambda: _done(made.run(*of_project, **operator)), 60, "dead letter of project")
    assert "sent again" in _done(made.run("deadletters", "replay", "--yes", "--stage", "project", **operator))
    for command in (
        ("suppress", "add", "+14155550123"),
        ("quota", "set", "bob", "--numbers-a-day", "1000"),
        ("redrive", "--active"),
        ("compact",),
        ("ledger", "verify"),
        ("tasks", "--user", "bob"),
        ("prefixes", "versions"),
    ):
        _done(made.run(*command, **operator))
    refused = made.run("suppress", "add", "+14155550124", **broker.login("requests"))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.usefixtures("made")
def test_every_rule_to_write_was_used(broker: SecureBroker) -> None:
    """By the tests above: no topic and no changelog is empty, so each of its writers had the rule it needs."""
    admin = AdminClient(broker.client(ADMIN))
    names = [topics.topic_name("secure", topic) for topic in topics.TOPICS]
    names += [topics.changelog_name("secure", table) for table in topics.TABLES]
    held = admin.list_topics(timeout=20).topics
    places = [TopicPartition(name, number) for name in names for number in held[name].partitions]
    ends = admin.list_offsets({place: OffsetSpec.latest() for place in places})
    assert {place.topic for place, end in ends.items() if end.result(30).offset > 0} == set(names)


def _done(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed that did what it should."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _completed(made: Installation) -> int:
    ((count,),) = made.rows("SELECT count(*) FROM tasks WHERE status = 'completed'")
    return int(count)


def _send(client: dict[str, str], topic: str, value: bytes) -> None:
    """Produce and wait.  Raises KafkaException where the broker refuses it."""
    failed: list[KafkaError] = []
    producer = Producer(client)
    producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert producer.flush(30) == 0
    if failed:
        raise KafkaException(failed[0])


def test_who_sends_requests_can_do_nothing_else(broker: SecureBroker, made: Installation) -> None:
    """Neither write anything else, nor read anything, nor make a topic, join a group or have a transaction."""
    client = broker.client("requests")
    others = [topics.topic_name("secure", topic) for topic in topics.TOPICS if topic is not topics.REQUESTS]
    others += [topics.changelog_name("secure", table) for table in topics.TABLES]
    for name in others:
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            _send(client, name, b"")
    admin = AdminClient(client)
    assert set(admin.list_topics(timeout=20).topics) == {"secure.requests"}
    assert admin.list_consumer_groups().result(30).valid == []
    assert admin.describe_acls(EVERYBODY).result(30) == []  # so this client tells a refusal; there are many
    for name in ("secure.requests", "secure.progress"):
        assert "AUTHORIZATION" in _reads(client, name)
    for group in ("secure", "secure-project", uuid.uuid4().hex):
        assert _joins(client, group, "secure.requests") == "GROUP_AUTHORIZATION_FAILED"
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        Producer({**client, "transactional.id": "mine"}).init_transactions(30)


REQUESTS = TopicPartition("secure.requests", 0)
OF_REQUESTS = ConfigResource(ConfigResource.Type.TOPIC, REQUESTS.topic)
EVERYBODY = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)
# what an administrator asks: name -> the answers that are to come
ADMINISTRATION: dict[str, Callable[[AdminClient], Iterable[Future[Any]]]] = {
    "make a topic": lambda admin: admin.create_topics([NewTopic("secure.mine", 1, 1)]).values(),
    "delete its topic": lambda admin: admin.delete_topics([REQUESTS.topic]).values(),
    "add partitions": lambda admin: admin.create_partitions([NewPartitions(REQUESTS.topic, 99)]).values(),
    "delete its records": lambda admin: admin.delete_records([TopicPartition(REQUESTS.topic, 0, 0)]).values(),
    "read settings of its topic": lambda admin: admin.describe_configs([OF_REQUESTS]).values(),
    "read settings of the broker": lambda admin: admin.describe_configs(
        [ConfigResource(ConfigResource.Type.BROKER, "1")]
    ).values(),
    "change settings of its topic": lambda admin: admin.incremental_alter_configs(
        [
            ConfigResource(
                ConfigResource.Type.TOPIC,
                REQUESTS.topic,
                incremental_configs=[ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)],
            )
        ]
    ).values(),
    "see a group": lambda admin: admin.describe_consumer_groups(["secure"]).values(),
    "read offsets of a group": lambda admin: admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions("secure", [REQUESTS])]
    ).values(),
    "move a group": lambda admin: admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions("secure", [TopicPartition(REQUESTS.topic, 0, 0)])]
    ).values(),
    "delete a group": lambda admin: admin.delete_consumer_groups(["secure-project"]).values(),
    "delete rules": lambda admin: admin.delete_acls([EVERYBODY]).values(),
    "make a rule": lambda admin: admin.create_acls(
        [
            AclBinding(
                ResourceType.TOPIC,
                "secure.",
                ResourcePatternType.PREFIXED,
                "User:requests",
                "*",
                AclOperation.ALL,
                AclPermissionType.ALLOW,
            )
        ]
    ).values(),
    "change a login": lambda admin: admin.alter_user_scram_credentials(
        [
            UserScramCredentialUpsertion(
                "requests", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), PASSWORD.encode()
            )
        ]
    ).values(),
}


@pytest.mark.parametrize("act", ADMINISTRATION)
@pytest.mark.usefixtures("made")
def test_who_sends_requests_is_no_administrator(broker: SecureBroker, act: str) -> None:
    """Of nothing, its own topic and its own login included."""
    admin = AdminClient(broker.client("requests"))
    (answer,) = ADMINISTRATION[act](admin)
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        answer.result(30)


def test_a_sender_is_taken_away_alone(broker: SecureBroker, made: Installation) -> None:
    """Each has the rules of its KafkaUser and a certificate; whose rules are gone is refused, the other is not."""
    users = {}
    for manifest in (sender("billing", "secure"), sender("load-tests", "secure")):
        name = manifest["metadata"]["name"]
        users[name] = broker.client_with_certificate(name)
        for rule in manifest["spec"]["authorization"]["acls"]:
            operations = tuple(operation.upper() for operation in rule["operations"])
            resource = rule["resource"]
            prefix = resource["patternType"] == "prefix"
            broker.allow_user(name, Acl(resource["type"], resource["name"], operations, prefix))
    for client in users.values():
        assert _may_ask(client)
        assert "AUTHORIZATION" in _reads(client, "secure.progress")
    first, second = users
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        Producer({**users[first], "transactional.id": first}).init_transactions(30)
    broker.refuse_user(first)
    wait_until(lambda: not _may_ask(users[first]), 30, "refusal of the first")
    assert _may_ask(users[second])


def _may_ask(client: dict[str, str]) -> bool:
    """Whether the broker takes a request of this client."""
    try:
        _send(client, "secure.requests", b"{")
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise
        return False
    return True


def test_who_scales_workers_sees_lag_and_no_record(broker: SecureBroker, made: Installation) -> None:
    """What KEDA asks: how far the group is, and where the topics end."""
    client = broker.client("scaler")
    admin = AdminClient(client)
    for name in ("secure.requests", "secure.batches"):
        place = TopicPartition(name, 0)
        asked = [ConsumerGroupTopicPartitions("secure", [place])]
        (answer,) = admin.list_consumer_group_offsets(asked).values()
        assert [one.error for one in answer.result(30).topic_partitions] == [None]
        (end,) = admin.list_offsets({place: OffsetSpec.latest()}).values()
        assert end.result(30).offset >= 0
        assert "AUTHORIZATION" in _reads(client, name)
        with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
            _send(client, name, b"")
    assert set(admin.list_topics(timeout=20).topics) == {"secure.requests", "secure.batches"}


def _reads(client: dict[str, str], name: str) -> str:
    """The error that reading a topic ends in."""
    consumer = Consumer({**client, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    try:
        consumer.assign([TopicPartition(name, 0, 0)])
        record = consumer.poll(30)
        assert record is not None
        error = record.error()
        return error.name() if error else "read"
    finally:
        consumer.close()


def _joins(client: dict[str, str], group: str, topic: str) -> str:
    """The error that joining a group ends in."""
    consumer = Consumer({**client, "group.id": group})
    try:
        consumer.subscribe([topic])
        record = consumer.poll(30)
        assert record is not None
        error = record.error()
        return error.name() if error else "joined"
    finally:
        consumer.close()


def test_a_wrong_password_is_told(broker: SecureBroker, made: Installation) -> None:
    """Not by a stack trace."""
    login = broker.login("worker") | {"NUMBERLINE_KAFKA_PASSWORD": "wrong"}
    done = made.run("worker", NUMBERLINE_WORKER_ID="stranger", **login)
    assert done.returncode == 1
    assert "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert "wrong" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"kafka_security_protocol": "SASL_SSL", "kafka_username": "ann"},
            "NUMBERLINE_KAFKA_PASSWORD must be set where Kafka's protocol is SASL_SSL",
        ),
        (
            {"kafka_security_protocol": "SASL_PLAINTEXT"},
            "NUMBERLINE_KAFKA_USERNAME must be set where Kafka's protocol is SASL_PLAINTEXT",
        ),
        (
            {"kafka_security_protocol": "SSL", "kafka_ca_file": "/nowhere/ca.pem"},
            "NUMBERLINE_KAFKA_CA_FILE cannot be used: [Errno 2] No such file or directory",
        ),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, str], problem: str) -> None:
    """By its variable."""
    with pytest.raises(SettingsInvalid) as refused:
        security_options(Settings.model_validate(settings))
    assert str(refused.value) == problem


def test_without_security_nothing_is_added() -> None:
    """The clients' own way."""
    assert security_options(Settings()) == {}


@pytest.mark.parametrize("role", ROLES)
def test_rules_are_those_of_the_document(role: str) -> None:
    """Every one, and no other."""
    (rows,) = tables(page("docs/kafka-security.md").section(f"Role {role}"))
    said = {
        Acl(kind, name.strip("`"), tuple(allowed.split(", ")), prefix == "prefix")  # type: ignore[arg-type]
        for kind, name, prefix, allowed in rows
    }
    assert said == set(acls(PLACE, role))  # type: ignore[arg-type]
