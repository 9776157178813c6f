"""`numberline up`: the servers, the processes, and the supervisor that starts again what ends."""

import contextlib
import errno
import functools
import os
import secrets
import shlex
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.text import Text

from embedded import EmbeddedError, Kafka, Postgres
from embedded.ports import free_port
from embedded.postgres import find_programs
from embedded.server import Server
from numberline.demo import run_demo
from numberline.processes import ManagedProcess
from numberline.setup.init import init
from pipeline.errors import NumberlineError, RefusedToStart
from pipeline.settings import Settings, in_url, load_settings, variable
from pipeline.tokens import TokenRules, sign

console = Console(stderr=True, highlight=False)
FIRST_METRICS_PORT = 9101
READY_SECONDS = 60
TOKEN_SECONDS = 12 * 3600
WITHOUT_WORKERS = "For a command that mends it, `numberline up --workers 0` starts all the rest."


def run_up(settings: Settings, workers: int, demo_quantity: int | None) -> None:
    """Start everything and wait for Ctrl-C or SIGTERM.  Raises RefusedToStart, NumberlineError."""
    ending = Ending()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ending.ask)
    state = settings.state_dir.absolute()
    try:
        with _own_files(state), contextlib.ExitStack() as stack:
            with ending.cuts_short():
                state.mkdir(parents=True, exist_ok=True)
                kafka, postgres = stack.enter_context(_servers(state))
                environment = _environment(settings, state, kafka, postgres)
                os.environ.update(environment)
                settings = load_settings()
                with _step("tables, topics and prefix data"):
                    init(settings, lambda text: None)
            processes = stack.enter_context(_processes(settings, workers, state / "logs"))
            if not _all_ready(processes, settings, ending.asked):
                return
            env_file = stack.enter_context(_env_file(state / "env", environment))
            if demo_quantity:
                with ending.cuts_short():
                    run_demo(settings, demo_quantity, console)
            _say_where(settings, env_file, state, processes)
            _watch((kafka, postgres), processes, ending)
    except CutShort:
        return
    except EmbeddedError as error:
        raise NumberlineError(str(error)) from error
    finally:
        console.print("stopped")


class CutShort(KeyboardInterrupt):
    """What is under way ends, now. Not KeyboardInterrupt itself: where that passes an exec() of a string, as
    imports and Alembic have them, Python ends by SIGINT in the end, though it was caught (bpo-1054041)."""


class Ending:
    """What Ctrl-C and SIGTERM ask for: whoever waits looks at `asked`, and what may take long is cut short."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._cutting = False

    def ask(self, *_: object) -> None:
        """The signals' handler. Asked again, it disturbs nothing that is being stopped."""
        again = self.asked.is_set()
        self.asked.set()
        if self._cutting and not again:
            raise CutShort

    @contextlib.contextmanager
    def cuts_short(self) -> Iterator[None]:
        """Within, CutShort is raised where it is asked for, or was before."""
        self._cutting = True
        try:
            if self.asked.is_set():
                raise CutShort
            yield
        finally:
            self._cutting = False


@contextlib.contextmanager
def _own_files(state: Path) -> Iterator[None]:
    """Within, a file or directory that cannot be read or written is told in a sentence."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        file, remedy = error.filename or state, "Mend that, and start again."  # of a full disk no file is told
        if error.filename and Path(os.fsdecode(error.filename)).is_relative_to(state):
            remedy = f"All in it must be yours to read and write; {variable('state_dir')} names another directory."
        raise RefusedToStart(f"{file}: {error.strerror or error}", remedy) from error


@contextlib.contextmanager
def _step(text: str) -> Iterator[None]:
    started = time.perf_counter()
    with console.status(f"{text} ..."):
        yield
    console.print(f"[green]✓[/] {text} [dim]{time.perf_counter() - started:.1f} s[/]")


@contextlib.contextmanager
def _servers(state: Path) -> Iterator[tuple[Kafka, Postgres]]:
    with contextlib.ExitStack() as stack:
        with Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console) as bar:
            download = bar.add_task("Kafka's jars, once", visible=False)

            def show(done: int, total: int) -> None:
                bar.update(download, completed=done, total=total, visible=True)

            kafka = Kafka(state, on_progress=show)
            with _quiet_step(bar, "Kafka broker"):
                stack.enter_context(kafka)
        with _step("PostgreSQL"):
            postgres = stack.enter_context(Postgres(state))
        yield kafka, postgres


@contextlib.contextmanager
def _quiet_step(bar: Progress, text: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    bar.console.print(f"[green]✓[/] {text} [dim]{time.perf_counter() - started:.1f} s[/]")


def _environment(settings: Settings, state: Path, kafka: Kafka, postgres: Postgres) -> dict[str, str]:
    """What every process of this installation, and any other program that joins, has to have set."""
    given = {name: value for name, value in os.environ.items() if name.startswith("NUMBERLINE_")}
    return given | {
        variable("kafka_bootstrap_servers"): kafka.bootstrap_servers,
        variable("database_url"): postgres.url,
        variable("state_dir"): str(state),
        variable("gateway_port"): str(settings.gateway_port or free_port()),
        variable("http_port"): str(settings.http_port or free_port()),
        variable("auth_secret"): _secret(settings, state / "secret"),
    }


def _secret(settings: Settings, file: Path) -> str:
    """The secret that signs this installation's tokens: the one set, else made once and kept."""
    if settings.auth_secret is not None:
        return settings.auth_secret.get_secret_value()
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(32))
    return file.read_text()


@contextlib.contextmanager
def _env_file(file: Path, environment: dict[str, str]) -> Iterator[Path]:
    """The file to source, for as long as the servers run. It holds the secret: only its owner reads it.

    Whoever has no psql finds that of the server at the end of PATH.
    """
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))
    text += f'export PATH="$PATH":{shlex.quote(str(find_programs()))}\n'
    part = file.with_suffix(".new")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    part.replace(file)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


@dataclass(frozen=True)
class Service:
    """A process and how to know that it is ready."""

    process: ManagedProcess
    metrics_url: str
    ready: Callable[[], bool]


@contextlib.contextmanager
def _processes(settings: Settings, workers: int, logs: Path) -> Iterator[list[Service]]:
    logs.mkdir(exist_ok=True)
    services = []
    first_port, gateway_port, *more_ports = metrics_ports(settings, max(1, workers))
    for number, port in enumerate([first_port, *more_ports][:workers], 1):
        name = f"worker-{number}"
        own = {variable("worker_id"): name, variable("metrics_port"): str(port)}
        url = f"http://{in_url(settings.host)}:{port}/metrics"
        process = ManagedProcess(name, "worker", own, logs / f"{name}.log", console.print)
        services.append(Service(process, url, functools.partial(_worker_ready, url)))
    ready_url = f"http://{in_url(settings.host)}:{settings.gateway_port}/readyz"
    own = {variable("metrics_port"): str(gateway_port)}
    gateway = ManagedProcess("gateway", "gateway", own, logs / "gateway.log", console.print)
    gateway_metrics = f"http://{in_url(settings.host)}:{gateway_port}/metrics"
    services.append(Service(gateway, gateway_metrics, lambda: bool(_get(ready_url))))
    try:
        for service in services:
            service.process.start()
        yield services
    finally:
        for service in services:
            service.process.ask_to_stop()
        for service in services:
            service.process.stop()


def metrics_ports(settings: Settings, workers: int) -> list[int]:
    """Of the first worker, the gateway, and every further worker: in a row from the one set, else from 9101."""
    if settings.metrics_port == 0:
        return [free_port() for _ in range(workers + 1)]
    first = FIRST_METRICS_PORT if settings.metrics_port is None else settings.metrics_port
    return list(range(first, first + workers + 1))


def _worker_ready(metrics_url: str) -> bool:
    return "\nnumberline_worker_ready 1.0" in _get(metrics_url)


def _get(url: str) -> str:
    """The body of a 200, else nothing."""
    try:
        # no proxy: it would ask its own machine
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=1) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError, ValueError):
        return ""


def _all_ready(services: list[Service], settings: Settings, ended: threading.Event) -> bool:
    """Wait until every process is ready; False when told to end meanwhile.

    Raises RefusedToStart with a process's own words where it exited.
    """
    for service in services:
        with _step(service.process.name):
            deadline = time.monotonic() + READY_SECONDS
            while not service.ready():
                if ended.is_set():
                    return False
                if (words := service.process.refused()) is not None:
                    raise RefusedToStart(f"{service.process.name} refused to start:\n{words}", WITHOUT_WORKERS)
                if time.monotonic() > deadline:
                    raise RefusedToStart(
                        f"{service.process.name} was not ready within {READY_SECONDS} s",
                        f"See {service.process.log}",
                    )
                ended.wait(0.1)
    return True


def _say_where(settings: Settings, env_file: Path, state: Path, services: list[Service]) -> None:
    metrics = ", ".join(f"{service.process.name} {service.metrics_url}" for service in services)
    token = sign(TokenRules.of(settings), "demo", time.time(), TOKEN_SECONDS)
    program = Path(sys.argv[0])
    executable = "python -m numberline" if program.name == "__main__.py" else shlex.quote(_short(program))
    values = f"""
  page         http://{in_url(settings.host)}:{settings.http_port}/ (sign in by the token below)
  HTTP API     http://{in_url(settings.host)}:{settings.http_port}/api/tasks/, described at /docs
  WebSocket    ws://{in_url(settings.host)}:{settings.gateway_port}/ws/tasks/demo/
  Kafka        {settings.kafka_bootstrap_servers}, topic {settings.namespace}.requests
  PostgreSQL   {settings.database_url.get_secret_value()}
  metrics      {metrics}
  logs         {state / "logs"}
  token        {token}
               (user demo, good for 12 hours)

In another terminal:
  source {shlex.quote(_short(env_file))}
  {executable} generate --area-code 415 --quantity 1000 --out numbers.csv

Ctrl-C stops everything; the data stays in {state}.
"""
    # no markup: directories and IPv6 addresses have brackets of their own
    console.print(Text.assemble("\n", ("numberline is up", "bold"), values), soft_wrap=True)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _watch(servers: Sequence[Server], services: list[Service], ending: Ending) -> None:
    """Start a server again that has ended, until told to end.  Raises RefusedToStart, EmbeddedError."""
    while not ending.asked.wait(0.5):
        for server in servers:
            if not server.alive():
                console.print(f"[yellow]{server.name} has ended, starts again[/] (see {escape(str(server.log))}.1)")
                with ending.cuts_short():
                    server.start()
        for service in services:
            if (words := service.process.refused()) is not None:
                raise RefusedToStart(f"{service.process.name} refuses to start again:\n{words}", WITHOUT_WORKERS)
