"""The one file of metrics: every name, unit, label and bucket (Prometheus naming conventions).

Labels are bounded: never a user, task or request.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class WorkerMetrics:
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ready = Gauge(
            "numberline_worker_ready", "1 when the worker has its partitions and its tables.", registry=registry
        )
        self.records = Counter(
            "numberline_records", "Records that a step has acknowledged.", ["step"], registry=registry
        )
        self.step_seconds = Histogram(
            "numberline_step_seconds",
            "From a record's delivery to its acknowledgement.",
            ["step"],
            buckets=SECONDS,
            registry=registry,
        )
        self.requests = Counter(
            "numberline_requests",
            "Requests read, by type and outcome.",
            ["type", "outcome"],
            registry=registry,
        )
        self.tasks_ended = Counter(
            "numberline_tasks_ended", "Tasks that have ended.", ["status"], registry=registry
        )
        self.numbers = Counter(
            "numberline_numbers", "Numbers drawn, stored and judged.", ["stage"], registry=registry
        )
        self.lookups = Counter(
            "numberline_lookups", "Numbers that a lookup provider was asked about.", ["outcome"], registry=registry
        )
        self.dead_letters = Counter(
            "numberline_dead_letters",
            "Records that went to the dead letters.",
            ["step", "reason"],
            registry=registry,
        )
        self.ledger_conflicts = Counter(
            "numberline_ledger_conflicts",
            "Batches that PostgreSQL refused because it holds a number already: always an alarm.",
            registry=registry,
        )
        self.store_seconds = Histogram(
            "numberline_store_transaction_seconds",
            "One PostgreSQL transaction of a batch.",
            buckets=SECONDS,
            registry=registry,
        )
        self.store_retries = Counter(
            "numberline_store_retries", "Transactions tried again, by reason.", ["reason"], registry=registry
        )
        self.rebalances = Counter(
            "numberline_rebalances", "Rebalances this worker took part in.", registry=registry
        )
        self.ledger_area_codes = Gauge(
            "numberline_ledger_area_codes",
            "Area codes whose union of taken numbers is in memory.",
            registry=registry,
        )
        self.prefix_version = Gauge(
            "numberline_prefix_data_version",
            "Version of the prefix data that requests are planned by.",
            registry=registry,
        )


class GatewayMetrics:
    """What a gateway counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = Gauge(
            "numberline_websocket_connections", "Authenticated connections.", registry=registry
        )
        self.messages_sent = Counter(
            "numberline_websocket_messages_sent", "Messages sent to clients.", ["type"], registry=registry
        )
        self.messages_received = Counter(
            "numberline_websocket_messages_received",
            "Messages received from clients.",
            ["type"],
            registry=registry,
        )
        self.limits_reached = Counter(
            "numberline_websocket_limits_reached",
            "Connections closed because a limit was reached, by limit.",
            ["limit"],
            registry=registry,
        )
        self.resumes = Counter(
            "numberline_websocket_resumes",
            "Positions that clients came back with, by where what they missed was found.",
            ["outcome"],
            registry=registry,
        )
        self.closes = Counter(
            "numberline_websocket_closes", "Connections closed, by code.", ["code"], registry=registry
        )
        self.authentication_failures = Counter(
            "numberline_authentication_failures",
            "Connections refused, by reason.",
            ["reason"],
            registry=registry,
        )
        self.progress_records = Counter(
            "numberline_progress_records",
            "Records read from the progress topic.",
            ["outcome"],
            registry=registry,
        )
        self.progress_coalesced = Counter(
            "numberline_progress_coalesced",
            "Progress messages left out for slow readers, because a newer one of the same task waited.",
            registry=registry,
        )
        self.fan_out_seconds = Histogram(
            "numberline_fan_out_seconds",
            "From a progress record's timestamp to the connections of its user.",
            buckets=SECONDS,
            registry=registry,
        )
        self.active_tasks = Gauge("numberline_active_tasks", "Tasks known that have not ended.", registry=registry)
        self.http_requests = Counter(
            "numberline_http_requests",
            "HTTP calls answered, by the call's path with names for its parts.",
            ["method", "path", "status"],
            registry=registry,
        )
        self.http_seconds = Histogram(
            "numberline_http_request_seconds",
            "From an HTTP call's head to the first byte of its answer.",
            ["method", "path"],
            buckets=SECONDS,
            registry=registry,
        )
