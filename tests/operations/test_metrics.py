"""The metrics of running processes: all of them, clean, and saying what happened.

The tests share an installation; the first looks at a gateway that has seen nothing else.
"""

import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas import topics
from tests.fix_installation import Installation
from tests.processes import get, wait_until
from tests.prometheus import lint

LAG = "numberline_consumer_lag_records"
NOBODY_LAGS_ON = {topics.USAGE, topics.DEADLETTERS}

Samples = dict[str, dict[tuple[str, ...], float]]


def samples(port: int) -> Samples:
    """Sample name -> values of its labels, in the order of their names -> value."""
    found: Samples = {}
    for family in text_string_to_metric_families(get(f"http://127.0.0.1:{port}/metrics")):
        for sample in family.samples:
            values = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[values] = sample.value
    return found


def test_no_client_makes_a_series(shared_installation: Installation) -> None:
    """By a method or a path that is none: all of them are one."""
    made = shared_installation
    for number in range(5):
        call = urllib.request.Request(
            f"http://127.0.0.1:{made.settings.http_port}/nowhere-{number}", method=f"NONE{number}"
        )
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(call, timeout=20)
    counted = samples(made.running["gateway"].metrics_port)["numberline_http_requests_total"]
    assert counted == {("other", "other", "404"): 5}


def test_lag_is_seen_without_a_worker(shared_installation: Installation) -> None:
    """What waits for workers that are not there: the gateway tells, for the broker knows what is committed."""
    made = shared_installation
    gateway = made.running["gateway"]
    made.produce(b"{")
    wait_until(lambda: samples(gateway.metrics_port).get(LAG, {}).get(("requests",)) == 1, 30, "lag")
    seconds = "numberline_consumer_lag_seconds"
    wait_until(lambda: samples(gateway.metrics_port)[seconds][("requests",)] > 0, 30, "seconds of lag")


def test_metrics_say_what_happened(shared_installation: Installation) -> None:
    """A generation, a validation and a broken request, as worker and gateway tell of them; promtool is content."""
    made = shared_installation
    gateway = made.running["gateway"]
    with made.worker() as worker:
        generation = made.request("ann", area_code="201", quantity=500, batch_size=100)
        assert made.ending(generation)["type"] == "task_completed"
        validation = {"type": "validate", "request_id": "v", "user_id": "ann", "numbers": ["2012000001"]}
        assert made.ending(validation)["type"] == "task_completed"
        made.produce(b"{")
        wait_until(lambda: samples(worker.metrics_port).get("numberline_dead_letters_total"), 30, "dead letter")
        drained = {(topic.name,): 0.0 for topic in topics.TOPICS if topic not in NOBODY_LAGS_ON}
        wait_until(lambda: samples(gateway.metrics_port).get(LAG) == drained, 30, "end of lag")
        wait_until(lambda: _used(samples(gateway.metrics_port)) == 500, 30, "figures by region")
        wait_until(lambda: gateway.metric("numberline_active_task_idle_seconds") == 0, 30, "idle gateway")
        of_worker, of_gateway = samples(worker.metrics_port), samples(gateway.metrics_port)
        for process in (worker, gateway):
            assert lint(get(f"http://127.0.0.1:{process.metrics_port}/metrics")) == ""
    _worker_says(of_worker)
    _gateway_says(of_gateway)


def _used(said: Samples) -> float:
    regions = said.get("numberline_region_numbers", {})
    return sum(count for (_, status), count in regions.items() if status == "used")


def _worker_says(said: Samples) -> None:
    assert said["numberline_worker_ready"] == {(): 1}
    assert said["numberline_batches_total"] == {("stored",): 5, ("judged",): 1, ("repeated",): 0, ("failed",): 0}
    assert said["numberline_numbers_total"] == {("drawn",): 500, ("stored",): 500, ("judged",): 1}
    assert said["numberline_verdicts_total"] == {("valid",): 1}
    asked = said["numberline_requests_total"]
    assert {labels for labels, count in asked.items() if count == 1 and "accepted" in labels} == {
        ("accepted", "generate"),
        ("accepted", "validate"),
    }
    assert asked[("refused", "unknown")] >= 1
    ended = {labels: count for labels, count in said["numberline_task_seconds_count"].items() if count}
    assert ended == {("10000", "generate"): 1, ("100", "validate"): 1}
    assert said["numberline_tasks_ended_total"][("completed",)] == 2
    steps = {step for (step,) in said["numberline_step_seconds_count"]}
    assert steps == {"intake", "coordinate", "allocate", "enrich", "store", "judge", "project", "load"}
    assert {step for _, step in said["numberline_dead_letters_total"]} == {"intake"}
    assert said["numberline_recovery_seconds_count"][()] >= 1
    assert said["numberline_commits_total"][()] > 0
    assert all(said["numberline_changelog_bytes_total"][(table,)] > 0 for table in topics.TABLES)
    assert all(said["numberline_table_disk_bytes"][(table,)] > 0 for table in topics.TABLES)
    assert said["numberline_ledger_area_codes"] == {(): 1}
    _both_say(said, "worker")


def _gateway_says(said: Samples) -> None:
    regions = said["numberline_region_numbers"]
    assert {region for region, _ in regions} == {"NJ", "DC"}
    assert sum(regions.values()) == 4000
    assert said["numberline_active_tasks"] == {(): 0}
    assert said["numberline_active_task_idle_seconds"] == {(): 0}
    assert said["numberline_consumer_lag_seconds"].keys() == said["numberline_consumer_lag_records"].keys()
    _both_say(said, "gateway")


def _both_say(said: Samples, process: str) -> None:
    ((name, version),) = said["numberline_build_info"]
    assert name == process
    assert version
    assert set(said["numberline_database_pool_connections"]) == {("idle",), ("busy",)}
    assert said["numberline_database_pool_waiting"] == {(): 0}
    assert said["numberline_prefix_data_version"] == {(): 1}
    assert said["numberline_prefix_data_imported_timestamp_seconds"][()] > 1_700_000_000
    assert said["process_start_time_seconds"]
