"""A small installation under the eyes of a real Prometheus, whose rules think in seconds instead of minutes."""

import asyncio
import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from deploy.monitoring.__main__ import runbook_sections
from deploy.monitoring.rules import Burn, Limits, groups
from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.client import signing_rules
from pipeline.prefix_build import PrefixRow
from pipeline.tokens import sign
from schemas.identity import task_id
from tests.fix_installation import Installation, make_small_installation
from tests.operations.by_hand import by_hand
from tests.processes import Process, get, wait_until
from tests.prometheus import Prometheus, running

# as the real rules, but for how long a fault must last and how far back they look
LIMITS = Limits(
    hold="0s",
    window="10s",
    rate="10s",
    lag_seconds=2,
    idle_seconds=4,
    rebalances=2,
    refusals_a_second=0.001,
    waiting=2,
    burns=(
        # longer than a worker hangs that is not scraped meanwhile
        Burn("NumberlineSlowTasksFast", "critical", 14.4, "60s", "30s"),
        Burn("NumberlineSlowTasks", "critical", 6.0, "80s", "30s"),
        Burn("NumberlineSlowTasksOverDays", "warning", 1.0, "90s", "30s"),
    ),
)
SLOW_TASKS = {burn.alert for burn in LIMITS.burns}
ROWS = [
    PrefixRow("201", 200, 0b11_1111_1111, "US", "NJ", "America/New_York", "VERIZON NEW JERSEY", "landline"),
    PrefixRow("202", 300, 0b1, "US", "DC", "America/New_York", "VERIZON WASHINGTON DC", "landline"),
]
USER = "ann"
SECONDS = 60
# a worker that hangs keeps its place for longer than an alert needs
ENVIRONMENT = {"NUMBERLINE_SESSION_TIMEOUT_SECONDS": "20", "NUMBERLINE_WINDOW": "2"}


class Watched:
    """The installation, its worker and its gateway, each at a metrics port that outlives it."""

    def __init__(
        self, made: Installation, prometheus: Prometheus, worker_port: int, stack: contextlib.ExitStack
    ) -> None:
        self.made, self.prometheus, self._stack = made, prometheus, stack
        self._worker_port, self._gateway_port = worker_port, made.running["gateway"].metrics_port
        self.token = sign(signing_rules(made.settings), USER, time.time(), 3600)
        self.seen: set[str] = set()
        self.tried: set[tuple[str, str]] = set()  # alert, and a command that its section names
        self.began = time.monotonic()
        self.worker = self.start_worker()

    def start_worker(self, *, ready: bool = True) -> Process:
        """The one that Prometheus looks at; ready: once it is."""
        environment = {**ENVIRONMENT, "NUMBERLINE_METRICS_PORT": str(self._worker_port)}
        self.worker = self._stack.enter_context(
            self.made.process("worker", "w1", NUMBERLINE_WORKER_ID="w1", **environment)
        )
        if ready:
            self.worker.wait_ready()
        return self.worker

    def start_gateway(self, **environment: str) -> Process:
        """Another in the place of the one that was stopped."""
        port = {"NUMBERLINE_METRICS_PORT": str(self._gateway_port)}
        return self._stack.enter_context(self.made.process("gateway", "gateway", **port, **environment))

    def wait_for_gateway(self) -> None:
        """Return when it serves clients."""
        url = f"http://127.0.0.1:{self.made.settings.gateway_port}/readyz"
        wait_until(lambda: get(url), SECONDS, "ready gateway")

    def by_hand(self, alert: str, command: str, *, status: int = 0, **words: str) -> str:
        """Run a command that the section of the alert names. words: what stands in it in capitals -> what it is."""
        return by_hand(self.made, self._named(alert, command, words), status)

    def sql_by_hand(self, alert: str, statement: str, **words: str) -> list[tuple[Any, ...]]:
        """The same of a statement for PostgreSQL; its rows."""
        return self.made.rows(self._named(alert, statement, words))

    def _named(self, alert: str, command: str, words: dict[str, str]) -> str:
        assert f"`{command}`" in " ".join(runbook_sections()[alert].split()), f"{command} of {alert}"
        self.tried.add((alert, command))
        for word, meant in words.items():
            command = command.replace(word, meant)
        return command

    def ask(self, **fields: object) -> str:
        """Send a request; its task."""
        body = self.made.request(USER, **fields)
        self.made.produce(json.dumps(body).encode())
        return task_id(USER, body["request_id"])

    def completed(self, *tasks: str) -> bool:
        """Whether all of these tasks are, as PostgreSQL has them."""
        query = "SELECT count(*) FROM tasks WHERE task_id = ANY(%s) AND status = 'completed'"
        return self.made.rows(query, list(tasks)) == [(len(tasks),)]

    def wait_for_end(self, *tasks: str) -> None:
        """Return when all of them are completed."""
        wait_until(lambda: self.completed(*tasks), SECONDS, "end of the tasks")

    def call(self, path: str, token: str | None) -> int:
        """The status of an HTTP call."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.made.settings.http_port}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def calls(self, path: str, count: int) -> contextlib.AbstractContextManager[object]:
        """So many at once; left when all are answered."""
        pool = ThreadPoolExecutor(count)
        for _ in range(count):
            pool.submit(self.call, path, self.token)
        return pool

    async def pings(self, token: str, count: int, *, stay: bool = False) -> None:
        """So many pings on one connection; stay: until the gateway closes it."""
        url = f"ws://127.0.0.1:{self.made.settings.gateway_port}/ws/tasks/{USER}/"
        with contextlib.suppress(ConnectionClosed):
            async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None) as socket:
                for _ in range(count):
                    await socket.send('{"type": "ping"}')
                await socket.recv()
                while stay:
                    await socket.recv()

    def load(self) -> None:
        """A bit of all that there is."""
        self.made.ending(self.made.request(USER, area_code="201", quantity=200, batch_size=100))
        validation = {"type": "validate", "user_id": USER, "numbers": ["2012000001"]}
        self.made.ending(self.made.request(USER) | validation)
        self.made.produce(b"{")
        assert self.call("/api/tasks/", self.token) == 200
        assert self.call("/api/tasks/", None) == 401
        asyncio.run(self.pings(self.token, 1))
        asyncio.run(self.pings("none", 1))

    def fires(self, *names: str) -> None:
        """Wait until these alerts fire, or have for a moment since the fault was made."""
        for name in names:
            wait_until(lambda name=name: self.has_fired(name), SECONDS, f"alert {name}")  # type: ignore[misc]
        self.seen |= set(names)

    def has_fired(self, name: str) -> bool:
        """Whether it fires, or has since the test began."""
        since = int(time.monotonic() - self.began) + 1
        query = f'count_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[{since}s])'
        return bool(self.prometheus.query(query))

    def begin(self) -> None:
        """Nothing fires; what does from now on, does so because of a fault."""
        if not self.worker.alive():  # a test that failed has left it so
            self.start_worker()
        self.wait_for_rest()
        self.began = time.monotonic()

    def wait_for_rest(self) -> None:
        """Return when nothing fires but what looks back for longer than a test lasts."""
        wait_until(lambda: self.prometheus.firing() <= SLOW_TASKS, SECONDS, "end of the alerts")


@contextlib.contextmanager
def watching(kafka: Kafka, postgres: Postgres, directory: Path) -> Iterator[Watched]:
    """Meanwhile, all of it."""
    rules = directory / "rules.yaml"
    rules.write_text(yaml.safe_dump(groups(LIMITS)))
    with make_small_installation(kafka, postgres, directory, ROWS) as made, contextlib.ExitStack() as stack:
        worker_port, gateway_port = free_port(), made.running["gateway"].metrics_port
        targets = {"numberline-worker": [worker_port], "numberline-gateway": [gateway_port]}
        prometheus = stack.enter_context(running(directory, targets, [rules]))
        yield Watched(made, prometheus, worker_port, stack)
