"""The system that is measured: servers, one worker and one gateway, in a directory and on ports of their own."""

import asyncio
import contextlib
import os
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bench import procfs
from bench.errors import BenchError
from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.processes import ManagedProcess
from numberline.setup.init import init
from pipeline.settings import PREFIX, Settings, load_settings, variable

READY_SECONDS = 120.0
QUIET_SECONDS = 0.5
NAMESPACE = "numberline-bench"
PRODUCT = ("numberline", "worker")  # module and command of a worker
WORKER, BROKER, POSTGRESQL, GATEWAY, CLIENT = COMPONENTS = ("worker", "broker", "PostgreSQL", "gateway", "client")
# what this module decides; any other setting of the caller's environment is kept, and named in the report
OWN = (
    *("kafka_bootstrap_servers", "database_url", "namespace", "state_dir", "worker_id", "host"),
    *("gateway_port", "http_port", "metrics_port", "auth_secret", "partitions", "replication_factor"),
)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Worker:
    """A worker beside the first one."""

    process: ManagedProcess
    metrics_url: str


@dataclass(frozen=True)
class System:
    """A running installation. incidents: what the supervisor said of processes that ended.

    others: workers beside the first. state: where its files are, and those of its servers above that.
    """

    settings: Settings
    kafka: Kafka
    postgres: Postgres
    state: Path
    worker: ManagedProcess
    gateway: ManagedProcess
    worker_metrics_url: str
    incidents: list[str] = field(default_factory=list)
    others: list[Worker] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        """The address of its database."""
        return self.settings.database_url.get_secret_value()

    def check(self) -> None:
        """Raise BenchError where a process has ended meanwhile: what was measured then counts for nothing."""
        refused = self.worker.refused() or self.gateway.refused()
        if refused or self.incidents:
            raise BenchError(refused or "\n".join(self.incidents))

    def processor_seconds(self) -> dict[str, float]:
        """Processor time of each of COMPONENTS so far, all workers together; the client is this process."""
        workers = [self.worker.pid, *(other.process.pid for other in self.others)]
        return {
            WORKER: sum(map(procfs.cpu_seconds, workers)),
            BROKER: procfs.cpu_seconds(self.kafka.pid),
            POSTGRESQL: procfs.tree_cpu_seconds(self.postgres.pid),
            GATEWAY: procfs.cpu_seconds(self.gateway.pid),
            CLIENT: time.process_time(),
        }

    def worker_ready(self) -> bool:
        """Whether all workers have their partitions and tables.  Raises BenchError where a process has ended."""
        self.check()
        return all("\nnumberline_worker_ready 1.0" in _get(url) for url in self._metrics_urls())

    def _metrics_urls(self) -> list[str]:
        return [self.worker_metrics_url, *(other.metrics_url for other in self.others)]

    def metric(self, sample: str) -> float:
        """One of the worker's samples, named with its labels; 0 where it has none such."""
        lines = (line.rpartition(" ") for line in _get(self.worker_metrics_url).splitlines())
        return next((float(value) for name, _, value in lines if name == sample), 0.0)

    async def quiet(self) -> None:
        """Return once the worker has nothing left to do: no step has acknowledged a record for a while."""
        before = None
        while (now := self.step_seconds()) != before:
            before = now
            await asyncio.sleep(QUIET_SECONDS)

    def step_seconds(self) -> dict[str, tuple[int, float]]:
        """Of each step, all workers together: records, and seconds from delivery to acknowledgement, so far."""
        count, total = (self.by_step(f"numberline_step_seconds_{kind}") for kind in ("count", "sum"))
        return {step: (int(records), total[step]) for step, records in count.items()}

    def by_step(self, metric: str) -> dict[str, float]:
        """A metric of each step, the sum of all workers."""
        found: dict[str, float] = {}
        for url in self._metrics_urls():
            for line in _get(url).splitlines():
                name, _, value = line.rpartition(" ")
                if name.startswith(f'{metric}{{step="'):
                    step = name.split('"')[1]
                    found[step] = found.get(step, 0.0) + float(value)
        return found


def kept_settings() -> dict[str, str]:
    """Settings of the caller's environment that the measured system has too."""
    own = {variable(name) for name in OWN}
    return {
        name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIX) and name not in own
    }


@contextlib.contextmanager
def environment(own: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with these settings, and none of the caller's about where things are."""
    before = {name: os.environ.pop(name) for name in {*map(variable, OWN), *own} if name in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextlib.contextmanager
def servers(
    state: Path, say: Say, postgres_settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[Kafka, Postgres]]:
    """A broker and a database server with their data under `state`.  Raises EmbeddedError."""
    with contextlib.ExitStack() as stack:
        say("Kafka broker")
        told = _once(say, "Kafka's jars are downloaded, once a user")
        kafka = stack.enter_context(Kafka(state, on_progress=lambda done, total: told()))
        say("PostgreSQL")
        yield kafka, stack.enter_context(Postgres(state, settings=postgres_settings))


@contextlib.contextmanager
def installed(
    kafka: Kafka,
    postgres: Postgres,
    state: Path,
    say: Say,
    namespace: str = NAMESPACE,
    partitions: int | None = None,
    worker_kind: tuple[str, str] = PRODUCT,
) -> Iterator[System]:
    """An installation with one worker and one gateway, ready.  Raises NumberlineError, BenchError.

    partitions: as many as without a setting. worker_kind: module and command.
    """
    ports = _distinct_ports(4)
    own = {
        variable("kafka_bootstrap_servers"): kafka.bootstrap_servers,
        variable("database_url"): postgres.create_database(namespace),
        variable("namespace"): namespace,
        variable("state_dir"): str(state),
        variable("worker_id"): "worker",
        variable("host"): "127.0.0.1",
        variable("gateway_port"): str(ports[0]),
        variable("http_port"): str(ports[1]),
        variable("auth_secret"): secrets.token_urlsafe(32),
        **({variable("partitions"): str(partitions)} if partitions else {}),
    }
    with environment(own):
        settings = load_settings()
        say("topics, tables and prefix data")
        init(settings, lambda text: None)
        incidents: list[str] = []
        log = state / "logs"
        log.mkdir()
        worker, gateway = (
            ManagedProcess(
                name, command, {variable("metrics_port"): str(port)}, log / f"{name}.log", incidents.append, module
            )
            for name, (module, command), port in zip(
                ("worker", "gateway"), (worker_kind, ("numberline", "gateway")), ports[2:], strict=True
            )
        )
        metrics_url = f"http://127.0.0.1:{ports[2]}/metrics"
        system = System(settings, kafka, postgres, state, worker, gateway, metrics_url, incidents)
        with contextlib.ExitStack() as stack:
            for process in (worker, gateway):
                stack.callback(process.stop)
                process.start()
            say("worker")
            _wait(system, system.worker_ready)
            say("gateway")
            _wait(system, lambda: bool(_get(f"http://127.0.0.1:{ports[0]}/readyz")))
            yield system
            incidents.clear()  # from here on they end because they are told to


@contextlib.contextmanager
def installed_beside(
    system: System, namespace: str, worker_kind: tuple[str, str], partitions: int | None = None
) -> Iterator[System]:
    """Another installation on the same servers, with topics, a database and processes of its own.

    To be entered in a thread of its own where a loop runs.
    """
    state = system.state / namespace
    state.mkdir()
    with installed(
        system.kafka, system.postgres, state, lambda text: None, namespace, partitions, worker_kind
    ) as beside:
        yield beside


@contextlib.contextmanager
def worker_beside(system: System, worker_kind: tuple[str, str] = PRODUCT) -> Iterator[None]:
    """One worker more, all of them ready again; at the end they are ready without it."""
    (port,) = _distinct_ports(1)
    name, (module, command) = f"worker-{len(system.others) + 2}", worker_kind
    own = {variable("worker_id"): name, variable("metrics_port"): str(port)}
    log = system.worker.log.with_name(f"{name}.log")
    process = ManagedProcess(name, command, own, log, system.incidents.append, module)
    system.others.append(Worker(process, f"http://127.0.0.1:{port}/metrics"))
    try:
        process.start()
        _wait(system, system.worker_ready)
        yield
    finally:
        system.others.pop()
        process.stop()
    _wait(system, system.worker_ready)


@dataclass(frozen=True)
class Gateway:
    """Another gateway: its process id, and where it listens."""

    pid: int
    port: int
    http_port: int


@contextlib.contextmanager
def gateway_process(system: System, settings: dict[str, str]) -> Iterator[Gateway]:
    """Another gateway with settings of its own beside those of the system, ready."""
    port, http_port = _distinct_ports(2)
    own = dict(
        zip(
            map(variable, ("gateway_port", "http_port", "metrics_port")),
            (str(port), str(http_port), "0"),
            strict=True,
        )
    )
    log = system.gateway.log.with_name(f"gateway-{port}.log")
    process = ManagedProcess("another gateway", "gateway", own | settings, log, system.incidents.append)
    with contextlib.ExitStack() as stack:
        stack.callback(process.stop)
        process.start()
        _wait(system, lambda: bool(_get(f"http://127.0.0.1:{port}/readyz")))
        yield Gateway(process.pid, port, http_port)


def _distinct_ports(count: int) -> list[int]:
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port()] = None
    return list(ports)


def _once(say: Say, text: str) -> Callable[[], None]:
    said = threading.Event()

    def told() -> None:
        if not said.is_set():
            said.set()
            say(text)

    return told


def _wait(system: System, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        system.check()
        if time.monotonic() > deadline:
            raise BenchError(f"not ready within {READY_SECONDS:g} s; see {system.worker.log.parent}")
        time.sleep(0.1)


def _get(url: str) -> str:
    """The body of a 200, else nothing."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return ""
