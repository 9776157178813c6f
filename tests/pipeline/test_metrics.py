"""The names of all metrics, by Prometheus's conventions."""

import re

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from pipeline.metrics import GatewayMetrics, WorkerMetrics

OTHER_UNITS = re.compile(
    r"_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|percent|count|total|info)(_|$)"
)


def families() -> list[Metric]:
    """All metrics of both kinds of process."""
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    GatewayMetrics(registry)
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
    """A user, task or request in a label would fill the memory of Prometheus."""
    registry = CollectorRegistry()
    for metrics in (WorkerMetrics(registry), GatewayMetrics(registry)):
        for metric in vars(metrics).values():
            assert not {"user", "user_id", "task", "task_id", "request", "request_id"} & set(metric._labelnames)


def test_both_kinds_of_process_can_share_a_registry() -> None:
    """No name stands for two metrics."""
    names = [family.name for family in families()]
    assert len(names) == len(set(names)) > 20
