"""The panel that workers and gateways both have."""

from deploy.monitoring.grafana import INSTANCE, Panel


def connections(process: str) -> Panel:
    """Connections to PostgreSQL of one kind of process."""
    labels = f'job="numberline-{process}",{INSTANCE}'
    return Panel(
        f"PostgreSQL connections of {process}s",
        "Idle, busy, and who waits for one.",
        "short",
        (
            (f"sum by (state) (numberline_database_pool_connections{{{labels}}})", "{{state}}"),
            (f"sum(numberline_database_pool_waiting{{{labels}}})", "waiting"),
        ),
        "NumberlinePoolExhausted",
    )
