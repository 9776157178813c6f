"""A real Prometheus at a running system: every expression has data, and each fault is seen by its alert."""

import asyncio
import contextlib
import functools
import json
import math
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from deploy.monitoring.panels import DASHBOARDS
from deploy.monitoring.rules import Alert, Limits, alerts, groups, recording_rules
from embedded import Kafka, Postgres
from embedded.ports import free_port
from numberline.client import signing_rules
from pipeline.tokens import sign
from tests.fix_installation import Installation, make_small_installation
from tests.processes import Process, wait_until
from tests.prometheus import Prometheus, running

# as the real rules, but for how long a fault must last
LIMITS = Limits(hold="0s", window="30s", rate="30s", lag_seconds=2, idle_seconds=4, refusals_a_second=0.001)
# of these the fault is made below
SEEN = {
    "NumberlineWorkerDown",
    "NumberlineGatewayDown",
    "NumberlineNoWorker",
    "NumberlineNoGateway",
    "NumberlineLagGrowing",
    "NumberlineLagUnknown",
    "NumberlineTaskStuck",
    "NumberlineDeadLetters",
    "NumberlineLedgerConflict",
    "NumberlineStoreBlocked",
    "NumberlineCapacityNearlyUsed",
    "NumberlinePrefixDataOld",
    "NumberlineGatewayRefusing",
    "NumberlineHttpErrors",
}
USER = "ann"
SECONDS = 60


@dataclass
class Watched:
    """A small installation, its worker, and the Prometheus that looks at both processes."""

    made: Installation
    worker: Process
    worker_port: int
    gateway_port: int
    prometheus: Prometheus
    token: str

    def call(self, path: str, token: str | None) -> int:
        """The status of an HTTP call."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.made.settings.http_port}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

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
        """Wait until these alerts fire, or have for a moment since the test began."""
        for name in names:
            wait_until(lambda name=name: self.has_fired(name), SECONDS, f"alert {name}")  # type: ignore[misc]

    def has_fired(self, name: str) -> bool:
        """Whether it fires, or has within five minutes."""
        return bool(self.prometheus.query(f'count_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[5m])'))


@pytest.fixture(scope="module")
def watched(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """With a metrics port for each process that outlives it."""
    directory = tmp_path_factory.mktemp("watched")
    rules = directory / "rules.yaml"
    rules.write_text(yaml.safe_dump(groups(LIMITS)))
    with make_small_installation(kafka_server, postgres_server, directory) as made:
        worker_port, gateway_port = free_port(), made.running["gateway"].metrics_port
        token = sign(signing_rules(made.settings), USER, time.time(), 3600)
        targets = {"numberline-worker": [worker_port], "numberline-gateway": [gateway_port]}
        with (
            made.worker(NUMBERLINE_METRICS_PORT=str(worker_port)) as worker,
            running(directory, targets, [rules]) as prometheus,
        ):
            yield Watched(made, worker, worker_port, gateway_port, prometheus, token)


def test_every_expression_has_data(watched: Watched) -> None:
    """Of dashboards and recording rules, under load; and of alerts none, for all is well."""
    asked = {
        expr.replace("$__rate_interval", "1m").replace("$instance", ".*")
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for expr, _ in panel.queries
    }
    asked |= {rule["record"] for rule in recording_rules()}
    for _ in range(SECONDS):
        watched.load()
        asked = {expr for expr in asked if not _has_data(watched.prometheus, expr)}
        if not asked:
            break
    assert not asked
    assert watched.prometheus.firing() == set()


def _has_data(prometheus: Prometheus, expr: str) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in prometheus.query(expr))


def test_faults_are_seen(watched: Watched) -> None:
    """Each is made, and its alert fires; every other alert is held by promtool."""
    made, database = watched.made, watched.made.settings.database_url.get_secret_value()
    asyncio.run(watched.pings(watched.token, 1000, stay=True))  # more than a minute allows
    watched.fires("NumberlineGatewayRefusing")

    made.execute("ALTER VIEW tasks RENAME TO tasks_away")
    errors = functools.partial(watched.call, "/api/tasks/", watched.token)
    wait_until(lambda: errors() == 503 and watched.has_fired("NumberlineHttpErrors"), SECONDS, "alert of errors")
    made.execute("ALTER VIEW tasks_away RENAME TO tasks")

    made.produce_on("numbers", b"no event", [])
    watched.fires("NumberlineDeadLetters")

    ((batch, prefix),) = made.rows("SELECT batch_id, prefix_id FROM numbers LIMIT 1")
    made.execute("INSERT INTO numbers VALUES (%s, %s, %s)", 1_202_300_0123, batch, prefix)
    assert made.ending(made.request(USER, area_code="202", quantity=1000))["error"]["code"] == "ledger_conflict"
    watched.fires("NumberlineLedgerConflict", "NumberlineCapacityNearlyUsed")

    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(database) as other:
        other.execute("LOCK TABLE numbers IN EXCLUSIVE MODE")
        assert made.ending(made.request(USER, area_code="201", quantity=10))["type"] == "task_completed"
    watched.fires("NumberlineStoreBlocked")

    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(database) as other:
        other.execute("LOCK TABLE numbers IN EXCLUSIVE MODE")
        made.produce(json.dumps(made.request(USER, area_code="201", quantity=10)).encode())
        wait_until(lambda: watched.prometheus.query("max(numberline_active_tasks) > 0"), SECONDS, "active task")
        watched.worker.stop(signal.SIGKILL)
    watched.fires("NumberlineWorkerDown", "NumberlineNoWorker", "NumberlineTaskStuck")
    made.produce(b"{")
    watched.fires("NumberlineLagGrowing")

    made.running["gateway"].stop()
    watched.fires("NumberlineGatewayDown", "NumberlineNoGateway")
    nowhere = {"NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with made.process("gateway", "away", NUMBERLINE_METRICS_PORT=str(watched.gateway_port), **nowhere):
        watched.fires("NumberlineLagUnknown")


def test_age_is_seen(watched: Watched) -> None:
    """By a rule that allows none: what the metric says is when the data was imported."""
    assert _alert("NumberlinePrefixDataOld", LIMITS).expr.endswith("> 1.0368e+07")
    young = _alert("NumberlinePrefixDataOld", Limits(prefix_age_seconds=0)).expr
    wait_until(lambda: watched.prometheus.query(f"last_over_time(({young})[10m:1s])"), SECONDS, "age")


def _alert(name: str, limits: Limits) -> Alert:
    (found,) = [alert for alert in alerts(limits) if alert.name == name]
    return found
