"""What is broken: servers, workers and a gateway, in a directory and on ports of their own."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chaos.proxy import Proxies, Proxy
from chaos.release import next_release
from chaos.supervised import Supervised
from chaos.waiting import get, wait_until
from chaos.workers import Worker
from embedded import Kafka, KafkaCluster, Postgres
from embedded.ports import free_port
from numberline.setup.event_schemas import registered
from numberline.setup.init import init
from pipeline.settings import PREFIX, Settings, variable
from schemas import codec

NAMESPACE = "numberline-chaos"
READY_SECONDS = 60.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class System:
    """A running installation. workers: those that are to run; a fault leaves them running.

    environment: of every process that is started; that of a newer release after `upgrade`.
    """

    settings: Settings
    environment: dict[str, str]
    directory: Path
    brokers: tuple[Kafka, ...]
    postgres: Postgres
    kafka_proxy: Proxies
    postgres_proxy: Proxy
    gateway: Supervised
    workers: list[Worker]
    say: Say

    @property
    def partitions(self) -> int:
        """Of every topic."""
        return self.settings.partitions

    @property
    def database_url(self) -> str:
        """The address of its database."""
        return self.settings.database_url.get_secret_value()

    def add_worker(self) -> Worker:
        """One more, started and ready."""
        worker = Worker(f"worker-{len(self.workers) + 1}", self.environment, self.directory / "logs", self.say)
        self.workers.append(worker)
        worker.start()
        worker.wait_ready()
        return worker

    def wait_for_gateway(self) -> None:
        """Return when it serves clients.  Raises ChaosError."""
        ready = f"http://127.0.0.1:{self.settings.gateway_port}/readyz"
        wait_until(lambda: get(ready), READY_SECONDS, "ready gateway")

    def upgrade(self) -> dict[str, str]:
        """Make the next release ready, as an operator does: its `init` runs beside the workers of this one.

        Its environment, which is what further processes start with; the running ones stay what they are.
        """
        newer = next_release(self.directory, self.environment)
        self.environment.update(newer)
        return newer

    def in_sync(self) -> bool:
        """Whether every partition, of the broker's own topics too, has a copy on each broker."""
        admin = AdminClient({"bootstrap.servers": self.settings.kafka_bootstrap_servers})
        try:
            found = admin.list_topics(timeout=5)
        except KafkaException:
            return False
        partitions = [one for topic in found.topics.values() for one in topic.partitions.values()]
        return all(len(one.isrs) == len(self.brokers) for one in partitions)

    def batches_stored(self) -> int:
        """Batches in PostgreSQL, 0 while it does not answer."""
        try:
            with psycopg.connect(self.database_url, connect_timeout=2) as connection:
                row = connection.execute("SELECT count(*) FROM batches").fetchone()
        except psycopg.OperationalError:
            return 0
        return int(row[0]) if row else 0

    def wait_for_work(self, batches: int = 1) -> None:
        """Return when so many more batches are stored than now.  Raises ChaosError."""
        wanted = self.batches_stored() + batches
        wait_until(lambda: self.batches_stored() >= wanted, READY_SECONDS, "work to go on")


@contextlib.contextmanager
def built(state: Path, workers: int, say: Say, brokers: int = 1) -> Iterator[System]:
    """Servers, an installation and workers, all ready. brokers: one, or the three of a cluster.

    Raises EmbeddedError, NumberlineError, ChaosError.
    """
    with contextlib.ExitStack() as stack:
        kafka_proxies = [stack.enter_context(Proxy(free_port(), free_port())) for _ in range(brokers)]
        postgres_proxy = stack.enter_context(Proxy(free_port(), free_port()))
        say("Kafka broker" if brokers == 1 else f"{brokers} Kafka brokers")
        kafka = _kafka(state, kafka_proxies)
        stack.enter_context(kafka)
        say("PostgreSQL")
        postgres = stack.enter_context(Postgres(state, port=postgres_proxy.target_port))
        direct = postgres.create_database(NAMESPACE)
        database_url = direct.replace(f":{postgres_proxy.target_port}/", f":{postgres_proxy.port}/")
        environment = _environment(state, kafka.bootstrap_servers, database_url)
        environment[variable("replication_factor")] = str(brokers)
        codec.look_up_by(registered(direct))  # what judges a run reads what a newer release has written, too
        stack.callback(codec.look_up_by, None)
        settings = _settings(environment)
        say("topics, tables and prefix data")
        init(settings, lambda text: None)
        logs = state / "logs"
        logs.mkdir()
        own = {variable("metrics_port"): "0"}
        gateway = Supervised("gateway", "gateway", environment, own, logs, say)
        system = System(
            settings,
            environment,
            state,
            kafka.brokers if isinstance(kafka, KafkaCluster) else (kafka,),
            postgres,
            Proxies(kafka_proxies),
            postgres_proxy,
            gateway,
            [],
            say,
        )
        stack.callback(_stop, system)
        gateway.start()
        say(f"gateway and {workers} workers")
        for _ in range(workers):
            system.add_worker()
        system.wait_for_gateway()
        yield system


def _kafka(state: Path, proxies: Sequence[Proxy]) -> Kafka | KafkaCluster:
    """Behind the proxies, of which its clients know."""
    ports = [(proxy.target_port, proxy.port) for proxy in proxies]
    if len(ports) == 1:
        return Kafka(state, port=ports[0][0], advertised_port=ports[0][1])
    return KafkaCluster(state, ports=ports)


def _stop(system: System) -> None:
    for worker in system.workers:
        worker.stop()
    system.gateway.stop()


def _environment(state: Path, kafka: str, database_url: str) -> dict[str, str]:
    return {
        variable("kafka_bootstrap_servers"): kafka,
        variable("database_url"): database_url,
        variable("namespace"): NAMESPACE,
        variable("state_dir"): str(state),
        variable("host"): "127.0.0.1",
        variable("gateway_port"): str(free_port()),
        variable("http_port"): str(free_port()),
        variable("auth_secret"): secrets.token_urlsafe(32),
    }


def _settings(environment: dict[str, str]) -> Settings:
    """Of the environment's own where it does not say otherwise, as its processes have them."""
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)} | environment
    return Settings.model_validate({name.removeprefix(PREFIX).lower(): value for name, value in given.items()})
