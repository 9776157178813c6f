"""The names of all metrics, by Prometheus's conventions."""

import re

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.metrics_core import Metric

from pipeline.metrics import GatewayMetrics, WorkerMetrics, size_of
from tests.prometheus import lint

KINDS = (WorkerMetrics, GatewayMetrics)
# of the code: names of steps, tables, topics, statuses, codes, reasons, calls; and regions, of which there are few
BOUNDED = {
    *("code", "limit", "method", "outcome", "path", "reason", "size", "stage", "state", "status", "step", "table"),
    *("region", "topic", "type"),
}
OTHER_UNITS = re.compile(
    r"_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|percent|count|total|info)(_|$)"
)


def families() -> list[Metric]:
    """All metrics of both kinds of process."""
    return [family for kind in KINDS for family in of_kind(kind)]


def of_kind(kind: type[WorkerMetrics | GatewayMetrics]) -> list[Metric]:
    """All metrics of one kind of process."""
    registry = CollectorRegistry()
    kind(registry)
    return list(registry.collect())


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Metric) -> None:
    """Our prefix, snake case, base units, a sentence of help; a histogram bears its unit, a counter _total."""
    assert re.fullmatch(r"numberline(_[a-z]+)+", family.name)
    assert not OTHER_UNITS.search(family.name)
    assert re.fullmatch(r"[A-Z1].*\.", family.documentation)
    if family.type == "histogram":
        assert family.name.endswith(("_seconds", "_bytes"))
    if family.type == "counter":
        assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples)


def test_no_label_is_unbounded() -> None:
    """A user, task or request in a label would fill the memory of Prometheus: so each is one of few."""
    for kind in KINDS:
        for metric in vars(kind(CollectorRegistry())).values():
            assert set(metric._labelnames) <= BOUNDED


def test_a_name_means_the_same_in_both_processes() -> None:
    """Type and help; what both have is what every process has."""
    worker, gateway = ({family.name: family for family in of_kind(kind)} for kind in KINDS)
    assert set(worker) & set(gateway) == {
        "numberline_build",
        "numberline_database_pool_connections",
        "numberline_database_pool_waiting",
        "numberline_prefix_data_version",
        "numberline_prefix_data_imported_timestamp_seconds",
    }
    for name in set(worker) & set(gateway):
        assert (worker[name].type, worker[name].documentation) == (gateway[name].type, gateway[name].documentation)


def test_promtool_has_nothing_against_them() -> None:
    """Prometheus's own linter, on what a process answers."""
    for kind in KINDS:
        registry = CollectorRegistry()
        kind(registry)
        assert lint(generate_latest(registry).decode()) == ""


def test_promtool_finds_a_wrong_name() -> None:
    """The rule itself."""
    registry = CollectorRegistry()
    Gauge("numberline_wait_milliseconds", "Waiting.", registry=registry)
    assert "use base unit" in lint(generate_latest(registry).decode())


def test_a_pool_is_looked_at_when_it_is_asked_for() -> None:
    """Connections idle and busy, and who waits; a pool that is not open has none."""
    registry, stats = CollectorRegistry(), dict[str, int]()
    WorkerMetrics(registry).watch_pool(lambda: stats)
    name = "numberline_database_pool_connections"
    assert registry.get_sample_value(name, {"state": "busy"}) == 0
    stats.update(pool_size=3, pool_available=1, requests_waiting=2)
    assert registry.get_sample_value(name, {"state": "idle"}) == 1
    assert registry.get_sample_value(name, {"state": "busy"}) == 2
    assert registry.get_sample_value("numberline_database_pool_waiting") == 2


@pytest.mark.parametrize(("quantity", "size"), [(1, "100"), (100, "100"), (101, "10000"), (1_000_000, "1000000")])
def test_a_task_has_one_of_few_sizes(quantity: int, size: str) -> None:
    """The least that holds it."""
    assert size_of(quantity) == size
