"""The broker: what it keeps, where it listens, how it comes back."""

import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from embedded import Kafka, PortTakenError, StartFailedError
from embedded.kafka import count_brokers
from embedded.ports import free_port
from tests.embedded.processes import listeners, running
from tests.embedded.records import consume, create_topic, produce


def test_what_is_produced_is_consumed(kafka_server: Kafka) -> None:
    """A record goes through the broker as soon as it is started."""
    create_topic(kafka_server.bootstrap_servers, "round-trip")
    produce(kafka_server.bootstrap_servers, "round-trip", [b"one", b"two"])
    assert consume(kafka_server.bootstrap_servers, "round-trip", 2) == [b"one", b"two"]


def test_listens_on_loopback_alone(kafka_server: Kafka) -> None:
    """Neither the broker's nor the controller's port is open to other machines."""
    found = listeners(kafka_server.pid)
    assert {address for address, _ in found} == {"127.0.0.1"}
    assert kafka_server.port in {port for _, port in found}


def test_pid_is_the_brokers_own(kafka_server: Kafka) -> None:
    """The process that tests kill is Java, not the guard."""
    assert "kafka.Kafka" in Path(f"/proc/{kafka_server.pid}/cmdline").read_text()
    assert kafka_server.alive()


def test_comes_back_at_the_same_address_with_its_data_after_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acknowledged records survive SIGKILL, and clients need not look for the broker again.

    Its cluster has an id that looks like an option, as one in 64 does.
    """
    monkeypatch.setattr("embedded.kafka.uuid.uuid4", lambda: uuid.UUID(bytes=b"\xf8" + bytes(15)))
    port = free_port()
    with Kafka(tmp_path, port=port, settings={"num.partitions": "3"}) as kafka:
        assert kafka.bootstrap_servers == f"127.0.0.1:{port}"
        create_topic(kafka.bootstrap_servers, "kept")
        produce(kafka.bootstrap_servers, "kept", [b"%d" % number for number in range(1000)])
        first_pid, address = kafka.pid, kafka.bootstrap_servers

        kafka.kill()
        assert not running(first_pid)
        assert not kafka.alive()
        assert count_brokers(port) == 0

        kafka.start()
        assert kafka.bootstrap_servers == address
        assert kafka.pid != first_pid
        assert consume(address, "kept", 1000) == [b"%d" % number for number in range(1000)]
        admin = AdminClient({"bootstrap.servers": address})
        assert len(admin.list_topics("kept").topics["kept"].partitions) == 3


def test_a_taken_port_is_named(kafka_server: Kafka, tmp_path: Path) -> None:
    """The error says which port, and what to do."""
    with pytest.raises(PortTakenError) as error:
        Kafka(tmp_path, port=kafka_server.port).start()
    assert str(error.value) == (
        f"port {kafka_server.port} of 127.0.0.1 cannot be used (Address already in use): "
        "stop the program that listens there, or choose another port"
    )


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The reason is on screen, not only in a file."""
    with pytest.raises(StartFailedError, match=r"(?s)kafka did not start .*num\.io\.threads"):
        Kafka(tmp_path, settings={"num.io.threads": "none"}).start()


def test_a_setting_that_would_move_the_broker_is_refused(tmp_path: Path) -> None:
    """Listeners are not the caller's to set, so that none is opened to other machines."""
    with pytest.raises(ValueError, match="listeners: set by the embedded server itself"):
        Kafka(tmp_path, settings={"listeners": "PLAINTEXT://:9092"})
