"""The dashboards, one a module. Every expression is asked of a real Prometheus in tests/operations."""

from deploy.monitoring.panels.data import DATA
from deploy.monitoring.panels.gateway import GATEWAYS
from deploy.monitoring.panels.overview import OVERVIEW
from deploy.monitoring.panels.workers import WORKERS

DASHBOARDS = (OVERVIEW, WORKERS, GATEWAYS, DATA)
