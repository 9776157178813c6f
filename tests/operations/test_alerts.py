"""A real Prometheus at a running system: every expression has data; each fault is seen by its alert, and mended.

A test makes a fault, sees the alerts fire, and does what docs/runbook.md says. Nothing may fire before, nor after.
"""

import asyncio
import contextlib
import dataclasses
import functools
import json
import math
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from prometheus_client.metrics_core import Metric

from deploy.monitoring.__main__ import runbook_sections
from deploy.monitoring.rules import alerts, recording_rules
from embedded import Kafka, Postgres
from schemas import codec, events
from tests.end_to_end.test_redrive import skip_everything
from tests.numberline.test_ledger import tombstone
from tests.operations.dashboards import expressions
from tests.operations.watched import ENVIRONMENT, LIMITS, SECONDS, SLOW_TASKS, USER, Watched, watching
from tests.pipeline.test_metrics import families
from tests.prefix_files import CO_CODES_HEADER, co_code, write
from tests.processes import wait_until
from tests.prometheus import ROOT, Prometheus

DAY = 86_400_000  # ms
# what no fault and no load here makes -> the test that it moves in
MOVED_ELSEWHERE = {
    "numberline_lookups": "tests/end_to_end/test_lookups.py",
    "numberline_facts_let_go": "tests/numberline/test_ledger.py",
    "numberline_ledger_facts": "tests/numberline/test_ledger.py",
    "numberline_progress_coalesced": "tests/gateway/test_connection.py",
    "numberline_websocket_slow_readers": "tests/gateway/test_connection.py",
    "numberline_websocket_resumes": "tests/gateway/test_resume_from_kafka.py",
}

SOMEBODY = re.compile(r"\d{10}|[0-9a-f]{8}-?[0-9a-f]{4}|127\.0\.0\.1")  # a number, an id, an address
OF_PROMETHEUS = {"__name__", "instance", "job"}
COMMAND = re.compile(r"`((?:numberline [a-z]|SELECT)[^`]*)`")
# (alert, command of its section) -> the file that runs it
TRIED_ELSEWHERE = {
    ("NumberlineNoWorker", "numberline worker"): "tests/operations/watched.py",
    ("NumberlineNoGateway", "numberline gateway"): "tests/operations/watched.py",
    ("NumberlineDeadLetters", "numberline deadletters replay LETTER"): "tests/numberline/test_dead_letters.py",
    ("NumberlineLedgerConflict", "numberline up --workers 0"): "tests/numberline/test_up.py",
}


@pytest.fixture(scope="module")
def system(
    kafka_server: Kafka, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """For all tests of this file, in turn."""
    with watching(kafka_server, postgres_server, tmp_path_factory.mktemp("watched")) as found:
        yield found


@pytest.fixture
def watched(system: Watched) -> Iterator[Watched]:
    """In which nothing fires; and again at the end, for the fault was mended."""
    system.begin()
    yield system
    system.wait_for_rest()


def test_every_expression_has_data(watched: Watched) -> None:
    """Of dashboards, their variables and recording rules, under load; and of alerts none, for all is well."""
    asked = {*expressions(), *(rule["record"] for rule in recording_rules(LIMITS))}
    for _ in range(SECONDS):
        watched.load()
        asked = {expr for expr in asked if not _has_data(watched.prometheus, expr)}
        if not asked:
            break
    assert not asked
    assert watched.prometheus.firing() == set()


def _has_data(prometheus: Prometheus, expr: str) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in prometheus.query(expr))


def test_a_worker_that_hangs(watched: Watched) -> None:
    """Goes on by itself here; what waited for it is late."""
    watched.worker.send(signal.SIGSTOP)
    try:
        tasks = [watched.ask(area_code="201", quantity=10) for _ in range(5)]
        late = 'max(numberline_consumer_lag_seconds{topic="requests"}) > 6'
        wait_until(lambda: watched.prometheus.query(late), SECONDS, "a request that waits for longer than 5 s")
        watched.fires("NumberlineWorkerDown", "NumberlineNoWorker", "NumberlineLagGrowing")
    finally:
        watched.worker.send(signal.SIGCONT)
    watched.wait_for_end(*tasks)
    watched.fires(*SLOW_TASKS)


def test_a_worker_that_is_killed(watched: Watched) -> None:
    """The next one goes on with what it had in hand, and with what came meanwhile."""
    with _locked(watched, "numbers"):
        first = watched.ask(area_code="201", quantity=10)
        wait_until(lambda: watched.prometheus.query("max(numberline_active_tasks) > 0"), SECONDS, "active task")
        watched.worker.stop(signal.SIGKILL)
    watched.fires("NumberlineWorkerDown", "NumberlineNoWorker", "NumberlineTaskStuck")
    shown = watched.by_hand("NumberlineNoWorker", "numberline tasks")
    assert watched.by_hand("NumberlineNoWorker", "numberline tasks") == shown  # nothing moves
    second = watched.ask(area_code="201", quantity=10)
    watched.fires("NumberlineLagGrowing")
    watched.start_worker()
    watched.wait_for_end(first, second)


def test_a_task_of_which_something_was_lost(watched: Watched) -> None:
    """Nothing lags, and it tells nothing: what of it is in flight is sent again."""
    alert = "NumberlineTaskStuck"
    task = watched.ask(area_code="201", quantity=5_000, batch_size=100)
    first = "SELECT 1 FROM batches WHERE task_id = %s LIMIT 1"
    wait_until(lambda: watched.made.rows(first, task), SECONDS, "first batch")
    assert watched.worker.stop() == 0
    skip_everything(watched.made)
    watched.start_worker()
    watched.fires(alert)
    wait_until(lambda: watched.prometheus.query("sum(numberline_consumer_lag_records) == 0"), SECONDS, "end of lag")
    assert re.search(f"{task}.* running ", watched.by_hand(alert, "numberline tasks"))
    watched.by_hand(alert, "numberline redrive ID", ID=task)
    watched.wait_for_end(task)


@contextlib.contextmanager
def _locked(watched: Watched, table: str, mode: str = "EXCLUSIVE") -> Iterator[None]:
    """Meanwhile, somebody has locked a table; unless that session is ended."""
    url = watched.made.settings.database_url.get_secret_value()
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url) as other:
        other.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        yield


def test_a_worker_that_waits_for_one_that_hangs(watched: Watched) -> None:
    """The group finds no rest until that one is started again."""
    with watched.made.worker("w2", **ENVIRONMENT | {"NUMBERLINE_SESSION_TIMEOUT_SECONDS": "10"}) as hanging:
        hanging.send(signal.SIGSTOP)
        assert watched.worker.stop() == 0
        watched.start_worker(ready=False)
        watched.fires("NumberlineRecoverySlow")
        hanging.stop(signal.SIGKILL)
    with watched.made.worker("w2", **ENVIRONMENT):
        watched.worker.wait_ready()


def test_a_worker_that_starts_and_ends_in_turn(watched: Watched) -> None:
    """Each time the others' partitions move, too."""
    for _ in range(10):
        with watched.made.worker("w2", **ENVIRONMENT):
            pass
        if watched.has_fired("NumberlineRebalancesOften"):
            break
    watched.fires("NumberlineRebalancesOften")


def test_connections_that_somebody_holds_up(watched: Watched) -> None:
    """Their session is found and ended, and those that waited are served."""
    with _locked(watched, "task_states", "ACCESS EXCLUSIVE"), watched.calls("/api/tasks/", 12):
        watched.fires("NumberlinePoolExhausted")
        alert = "NumberlinePoolExhausted"
        sessions = watched.sql_by_hand(alert, "SELECT pid, state, wait_event, query FROM pg_stat_activity")
        (holding,) = [str(pid) for pid, _, _, query in sessions if query and query.startswith("LOCK TABLE")]
        assert watched.sql_by_hand(alert, "SELECT pg_terminate_backend(1234)", **{"1234": holding}) == [(True,)]
    assert watched.call("/api/tasks/", watched.token) == 200


def test_a_batch_that_somebody_blocks(watched: Watched) -> None:
    """Nothing is to be done: the session that blocks is ended."""
    with _locked(watched, "numbers"):
        body = watched.made.request(USER, area_code="201", quantity=10)
        assert watched.made.ending(body)["type"] == "task_completed"
    watched.fires("NumberlineStoreBlocked")


def test_a_record_that_no_step_can_read(watched: Watched) -> None:
    """It is listed, shown and, being of no use, discarded."""
    alert = "NumberlineDeadLetters"
    watched.made.produce_on("numbers", b"no event", [])
    watched.fires(alert)
    assert "Unreadable" in watched.by_hand(alert, "numberline deadletters list")
    found = watched.made.run("deadletters", "list", "--json", "--stage", "store")
    letter = json.loads(found.stdout.splitlines()[0])["letter"]
    assert "no event" in watched.by_hand(alert, "numberline deadletters show LETTER", LETTER=letter)
    watched.by_hand(alert, "numberline deadletters discard LETTER", LETTER=f"{letter} --yes")
    assert not watched.made.run("deadletters", "list", "--json", "--stage", "store").stdout


def test_numbers_that_the_ledger_does_not_know(watched: Watched) -> None:
    """It has lost the fact of a batch; with what it lacks written out of PostgreSQL, it gives out others."""
    made, alert = watched.made, "NumberlineLedgerConflict"
    task = watched.ask(area_code="202", quantity=800, batch_size=800)
    watched.wait_for_end(task)
    assert watched.worker.stop() == 0
    tombstone(made, f"202|{task}|0".encode(), "202")
    watched.start_worker()
    assert made.ending(made.request(USER, area_code="202", quantity=100))["error"]["code"] == "ledger_conflict"
    watched.fires(alert)
    assert watched.worker.stop() == 0
    again = "they could be given out again"
    assert again in watched.by_hand(alert, "numberline ledger verify", status=1)
    watched.by_hand(alert, "numberline ledger rebuild")
    watched.start_worker()
    left = watched.by_hand(alert, "numberline ledger verify", status=1)
    assert again not in left
    assert "are in another fact as well" in left  # of the batch that failed
    assert made.ending(made.request(USER, area_code="202", quantity=100))["type"] == "task_completed"


def test_a_region_of_which_little_is_left(watched: Watched, tmp_path: Path) -> None:
    """Newer prefix data brings more of it."""
    alert = "NumberlineCapacityNearlyUsed"
    rest = watched.made.request(USER, area_code="202", quantity=1000, on_shortfall="partial")
    assert watched.made.ending(rest)["type"] == "task_completed"
    watched.fires(alert)
    assert "202" in watched.by_hand(alert, "numberline capacity --state XX", XX="DC")
    assert "is published" in _import(watched, alert, tmp_path)


def _import(watched: Watched, alert: str, directory: Path) -> str:
    """What the administrator publishes now: whole exchanges, and one more of 202."""
    lines = [CO_CODES_HEADER, co_code("201-200"), *(co_code(f"202-{nxx}", state="DC") for nxx in (300, 301))]
    file = write(directory / "codes.zip", lines, "latin-1")
    return watched.by_hand(alert, "numberline prefixes import FILE", FILE=str(file))


def test_prefix_data_of_which_nobody_thought(watched: Watched, tmp_path: Path) -> None:
    """As if it had been imported 121 days ago; the next import makes it young again, though nothing differs."""
    alert, made = "NumberlinePrefixDataOld", watched.made
    last = [record for record in made.records("prefixes") if record.key() == b"current"][-1]
    current = codec.decode(last.value())
    assert isinstance(current, events.PrefixCurrent)
    old = dataclasses.replace(current, imported_at=current.imported_at - 121 * DAY)
    made.produce_on("prefixes", codec.encode(old), [], last.partition(), key=b"current")
    watched.fires(alert)
    watched.by_hand(alert, "numberline prefixes versions")
    _import(watched, alert, tmp_path)


def test_a_client_in_a_loop(watched: Watched) -> None:
    """It is cut off, as is meant; nothing is to be done."""
    asyncio.run(watched.pings(watched.token, 1000, stay=True))  # more than a minute allows
    watched.fires("NumberlineGatewayRefusing")


def test_calls_that_fail(watched: Watched) -> None:
    """Until what they ask for is back."""
    watched.made.execute("ALTER VIEW tasks RENAME TO tasks_away")
    errors = functools.partial(watched.call, "/api/tasks/", watched.token)
    wait_until(lambda: errors() == 503 and watched.has_fired("NumberlineHttpErrors"), SECONDS, "alert of errors")
    watched.fires("NumberlineHttpErrors")
    watched.made.execute("ALTER VIEW tasks_away RENAME TO tasks")
    assert errors() == 200


def test_a_gateway_that_is_gone(watched: Watched) -> None:
    """Another one in its place, first without Kafka: it answers, and knows no lag."""
    watched.made.running["gateway"].stop()
    watched.fires("NumberlineGatewayDown", "NumberlineNoGateway")
    away = watched.start_gateway(NUMBERLINE_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    watched.fires("NumberlineLagUnknown")
    away.stop()
    watched.start_gateway()
    watched.wait_for_gateway()


def test_every_metric_has_moved(system: Watched) -> None:
    """In the tests above: none stays where it began. Of what none of them makes, another test tells."""
    still = {one.name for one in families() if not _has_moved(system.prometheus, one)}
    assert still == set(MOVED_ELSEWHERE)
    for name, path in MOVED_ELSEWHERE.items():
        assert name in (ROOT / path).read_text()


def _has_moved(prometheus: Prometheus, family: Metric) -> bool:
    name = family.name + {"counter": "_total", "histogram": "_count", "info": "_info"}.get(family.type, "")
    return any(float(series["value"][1]) for series in prometheus.query(f"max_over_time({name}[1h])"))


def test_no_label_says_whom_it_was_about(system: Watched) -> None:
    """In the tests above: no user, no task, no request, no number, no address of a client."""
    series = system.prometheus.query('last_over_time({__name__=~"numberline_.+"}[1h])')
    values = {value for one in series for name, value in one["metric"].items() if name not in OF_PROMETHEUS}
    assert {"generate", "intake", "NJ"} <= values
    assert not [value for value in values if value == USER or SOMEBODY.search(value)]


def test_buckets_hold_what_was_measured(system: Watched) -> None:
    """In the tests above, faults included: nothing took longer than the last, and not all less than the first."""
    for one in families():
        if one.type == "histogram":
            asked = f"sum by (le) (max_over_time({one.name}_bucket[1h]))"
            counts = {float(found["metric"]["le"]): found["value"][1] for found in system.prometheus.query(asked)}
            first, *_, last, all_of_it = (int(counts[le]) for le in sorted(counts))
            assert first < last == all_of_it, one.name


def test_every_command_of_the_sections_was_tried(system: Watched) -> None:
    """By the tests above, but for what is listed, which another test does."""
    named = {
        (alert, command)
        for alert, text in runbook_sections().items()
        for command in COMMAND.findall(" ".join(text.split()))
    }
    assert system.tried == named - set(TRIED_ELSEWHERE)
    for (_, command), path in TRIED_ELSEWHERE.items():
        assert command.split()[1] in (ROOT / path).read_text()


def test_every_alert_was_seen(system: Watched) -> None:
    """By the tests above: none is written that no fault has made to fire; and all have ended."""
    wait_until(lambda: not system.prometheus.firing(), SECONDS, "end of all alerts")
    assert system.seen == {alert.name for alert in alerts()}
