"""A real broker that lets nobody in without a login or a certificate, and to nothing without a rule."""

import contextlib
import datetime
import ipaddress
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from embedded.jars import fetch_jars, read_lock
from embedded.java import java_command
from embedded.ports import free_port
from pipeline.acls import ROLES, Acl, acls
from tests.processes import wait_until

ADMIN = "admin"
PASSWORD = "a password of the tests"
CLUSTER = "6-9JpXJqQbCAOUR5HSyAOg"
DAY = datetime.timedelta(days=1)

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Makes certificates that the broker and its clients trust."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._key = directory, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = directory / "ca.pem"
        made = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def certificate(self, name: str) -> Certificate:
        """One for this name, and for this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key).add_extension(here, critical=False).sign(self._key, hashes.SHA256())
        found = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        found.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        found.key.write_bytes(key.private_bytes(*private))
        return found

    def _builder(self, subject: x509.Name, key: Key) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


@dataclass(frozen=True)
class SecureBroker:
    """Where it listens: for users with a password (SCRAM), and for certificates (mTLS)."""

    sasl: str
    mtls: str
    authority: Authority

    def login(self, user: str) -> dict[str, str]:
        """Settings of a process that logs in by its password."""
        return {
            "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": self.sasl,
            "NUMBERLINE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "NUMBERLINE_KAFKA_CA_FILE": str(self.authority.file),
            "NUMBERLINE_KAFKA_USERNAME": user,
            "NUMBERLINE_KAFKA_PASSWORD": PASSWORD,
        }

    def certificate(self, user: str) -> dict[str, str]:
        """Settings of a process that shows a certificate."""
        made = self.authority.certificate(user)
        return {
            "NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": self.mtls,
            "NUMBERLINE_KAFKA_SECURITY_PROTOCOL": "SSL",
            "NUMBERLINE_KAFKA_CA_FILE": str(self.authority.file),
            "NUMBERLINE_KAFKA_CERTIFICATE_FILE": str(made.certificate),
            "NUMBERLINE_KAFKA_KEY_FILE": str(made.key),
        }

    def client_with_certificate(self, user: str) -> dict[str, Any]:
        """A client that is none of ours, by a certificate."""
        made = self.authority.certificate(user)
        return {
            "bootstrap.servers": self.mtls,
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority.file),
            "ssl.certificate.location": str(made.certificate),
            "ssl.key.location": str(made.key),
        }

    def client(self, user: str) -> dict[str, Any]:
        """The same by a password."""
        return {
            "bootstrap.servers": self.sasl,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.authority.file),
        }

    def allow(self, namespace: str) -> None:
        """To each role what pipeline.acls says, and nothing else."""
        for role in ROLES:
            for acl in acls(namespace, role):
                self.allow_user(role, acl)

    def allow_user(self, user: str, acl: Acl) -> None:
        """One rule for somebody."""
        admin = AdminClient(self.client(ADMIN))  # kept until all is answered
        for future in admin.create_acls(_bindings(user, acl)).values():
            future.result(30)

    def refuse_user(self, user: str) -> None:
        """Whatever was allowed to somebody is no longer."""
        anything = AclBindingFilter(
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            f"User:{user}",
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        admin = AdminClient(self.client(ADMIN))
        for future in admin.delete_acls([anything]).values():
            future.result(30)


def _bindings(user: str, acl: Acl) -> list[AclBinding]:
    pattern = ResourcePatternType.PREFIXED if acl.prefix else ResourcePatternType.LITERAL
    resource = {"cluster": ResourceType.BROKER}.get(acl.resource) or ResourceType[acl.resource.upper()]
    return [
        AclBinding(
            resource, acl.name, pattern, f"User:{user}", "*", AclOperation[operation], AclPermissionType.ALLOW
        )
        for operation in acl.operations
    ]


@contextlib.contextmanager
def secure_broker(directory: Path) -> Iterator[SecureBroker]:
    """One that runs, with a user and a password for each role and for an administrator."""
    authority = Authority(directory)
    own = authority.certificate("broker")
    store = directory / "broker.store.pem"
    store.write_bytes(own.key.read_bytes() + own.certificate.read_bytes())
    sasl, mtls, controller = free_port(), free_port(), free_port()
    listeners = f"SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{mtls}"
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            f'{module} username="{ADMIN}" password="{PASSWORD}";'
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.ssl.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=(.*?)$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",  # the controller's own listener, on loopback
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.min.session.timeout.ms": "1000",
        "group.initial.rebalance.delay.ms": "0",
        "message.max.bytes": "16777216",
        "log.cleaner.dedupe.buffer.size": "4194304",
        "log.dirs": str(directory / "log"),
    }
    file = directory / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    java = [*java_command(), "-Xmx256m", "-cp", ":".join(map(str, fetch_jars(read_lock(), None)))]
    users = [f"--add-scram=SCRAM-SHA-512=[name={name},password={PASSWORD}]" for name in (ADMIN, *ROLES)]
    form = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={CLUSTER}", "-c", str(file), *users]
    subprocess.run(form, check=True, capture_output=True, timeout=60)
    broker = SecureBroker(f"127.0.0.1:{sasl}", f"127.0.0.1:{mtls}", authority)
    log = directory / "broker.log"
    command = [*java, "kafka.Kafka", str(file)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(broker), 60, "broker")
            assert process.poll() is None, log.read_text()[-3000:]
            yield broker
        finally:
            process.terminate()


def _answers(broker: SecureBroker) -> bool:
    try:
        return bool(AdminClient(broker.client(ADMIN) | {"log_level": 0}).list_topics(timeout=2).brokers)
    except Exception:  # not yet
        return False
