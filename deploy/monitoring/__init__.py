"""Rules, alerts and dashboards, written by ``python -m deploy.monitoring`` for compose, Kubernetes and tests."""
