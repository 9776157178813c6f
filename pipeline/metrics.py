"""The one file of metrics: every name, unit, label and bucket (Prometheus naming conventions).

Labels are bounded: never a user, task or request. What is counted once a batch or message is counted where it
happens; what only a look can tell is read when it is asked for, or by a slow timer of the gateway.
"""

from collections.abc import Callable, Mapping
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TASK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
RECOVERY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
SIZES = (100, 10_000, 100_000, 1_000_000)  # numbers of a task, at most
LIMITS = (
    *("connections", "connections_address", "connections_user", "messages", "messages_address", "messages_user"),
    *("message_size", "subscriptions"),
)

# a second series for each counter, of when it began: nobody asks for it, and it doubles what is stored
disable_created_metrics()  # type: ignore[no-untyped-call]


def size_of(quantity: int) -> str:
    """The label of a task of so many numbers: the least of SIZES that holds them."""
    return str(next((size for size in SIZES if quantity <= size), SIZES[-1]))


def _begin(metric: Counter | Histogram, *labels: tuple[str, ...]) -> None:
    """Series that are there at 0 from the start: the first event of one that begins with it is no increase."""
    for values in labels:
        metric.labels(*values)


class ProcessMetrics:
    """What workers and gateways both have."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.build = Info("numberline_build", "The version that runs.", registry=registry)
        self.pool = Gauge(
            "numberline_database_pool_connections",
            "PostgreSQL connections of this process, by what they are doing.",
            ["state"],
            registry=registry,
        )
        self.pool_waiting = Gauge(
            "numberline_database_pool_waiting",
            "Who waits for a PostgreSQL connection of this process.",
            registry=registry,
        )
        self.prefix_version = Gauge(
            "numberline_prefix_data_version",
            "Version of the prefix data that requests are planned by.",
            registry=registry,
        )
        self.prefix_imported = Gauge(
            "numberline_prefix_data_imported_timestamp_seconds",
            "When that version was imported, in seconds since the epoch; its age is time() minus this.",
            registry=registry,
        )

    def watch_pool(self, stats: Callable[[], Mapping[str, int]]) -> None:
        """Read the figures of a psycopg pool whenever they are asked for."""
        self.pool.labels("idle").set_function(lambda: stats().get("pool_available", 0))
        self.pool.labels("busy").set_function(
            lambda: stats().get("pool_size", 0) - stats().get("pool_available", 0)
        )
        self.pool_waiting.set_function(lambda: stats().get("requests_waiting", 0))

    def prefix_data(self, version: int, imported_at: int) -> None:
        """Another version is the current one. imported_at: ms since the epoch."""
        self.prefix_version.set(version)
        self.prefix_imported.set(imported_at / 1000)


class WorkerMetrics(ProcessMetrics):
    """What a worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
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
        self.task_seconds = Histogram(
            "numberline_task_seconds",
            "From a request's record to the one that completed its task; by type, and numbers asked for at most.",
            ["type", "size"],
            buckets=TASK_SECONDS,
            registry=registry,
        )
        self.batches = Counter(
            "numberline_batches",
            "Batches at their end: stored, judged, repeated (they were there already) or failed.",
            ["outcome"],
            registry=registry,
        )
        self.numbers = Counter(
            "numberline_numbers", "Numbers drawn, stored and judged.", ["stage"], registry=registry
        )
        _begin(self.task_seconds, *product(("generate", "validate"), map(str, SIZES)))
        _begin(self.requests, *product(("generate", "validate", "cancel"), ("accepted", "refused")))
        _begin(self.tasks_ended, ("completed",), ("failed",), ("cancelled",))
        _begin(self.batches, ("stored",), ("judged",), ("repeated",), ("failed",))
        _begin(self.numbers, ("drawn",), ("stored",), ("judged",))
        self.verdicts = Counter(
            "numberline_verdicts",
            "Numbers that validations judged, by the reason.",
            ["reason"],
            registry=registry,
        )
        _begin(self.verdicts, ("valid",))
        self.lookups = Counter(
            "numberline_lookups", "Numbers that a lookup provider was asked about.", ["outcome"], registry=registry
        )
        _begin(self.lookups, ("answered",), ("failed",))
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
        _begin(self.store_retries, ("blocked",))
        self.rebalances = Counter(
            "numberline_rebalances", "Rebalances this worker took part in.", registry=registry
        )
        self.recovery_seconds = Histogram(
            "numberline_recovery_seconds",
            "From the loss of its partitions, or from its start, until a worker has partitions and tables.",
            buckets=RECOVERY_SECONDS,
            registry=registry,
        )
        self.commits = Counter("numberline_commits", "Commits of the steps' offsets.", registry=registry)
        self.changelog_bytes = Counter(
            "numberline_changelog_bytes",
            "Keys and values written to the changelogs of the tables.",
            ["table"],
            registry=registry,
        )
        self.table_disk_bytes = Gauge(
            "numberline_table_disk_bytes",
            "What the worker's copies of the tables take on its disk.",
            ["table"],
            registry=registry,
        )
        self.facts_let_go = Counter(
            "numberline_facts_let_go",
            "Facts of a table that were put together with others, or let go, because they are old.",
            ["table"],
            registry=registry,
        )
        _begin(self.facts_let_go, ("ledger",), ("tasks",))
        self.ledger_facts = Gauge(
            "numberline_ledger_facts",
            "Facts in the worker's partitions of the ledger when it last looked for old ones.",
            registry=registry,
        )
        self.ledger_area_codes = Gauge(
            "numberline_ledger_area_codes",
            "Area codes whose union of taken numbers is in memory.",
            registry=registry,
        )


class GatewayMetrics(ProcessMetrics):
    """What a gateway counts, and what it reads of the whole installation by a timer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
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
        _begin(self.limits_reached, *((limit,) for limit in LIMITS))
        self.resumes = Counter(
            "numberline_websocket_resumes",
            "Positions that clients came back with, by where what they missed was found.",
            ["outcome"],
            registry=registry,
        )
        _begin(self.resumes, ("memory",), ("kafka",), ("expired",), ("unavailable",))
        self.closes = Counter(
            "numberline_websocket_closes", "Connections closed, by code.", ["code"], registry=registry
        )
        _begin(self.closes, ("1000",), ("1013",), ("4429",))
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
        self.slow_readers = Counter(
            "numberline_websocket_slow_readers",
            "Times that a client took its messages more slowly than they came.",
            registry=registry,
        )
        self.active_tasks = Gauge("numberline_active_tasks", "Tasks known that have not ended.", registry=registry)
        self.idle_seconds = Gauge(
            "numberline_active_task_idle_seconds",
            "Since the last progress of the active task that has had none for longest; 0 without active tasks.",
            registry=registry,
        )
        self.lag = Gauge(
            "numberline_consumer_lag_records",
            "Records of a topic that its step has not committed, of all workers; none while Kafka does not tell.",
            ["topic"],
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "numberline_consumer_lag_seconds",
            "For how long the oldest of those records has been seen to wait.",
            ["topic"],
            registry=registry,
        )
        self.region_numbers = Gauge(
            "numberline_region_numbers",
            "Numbers of a state or province: used (given out), suppressed, and left.",
            ["region", "status"],
            registry=registry,
        )
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
