"""The four dashboards. Every expression is asked of a real Prometheus in tests/operations."""

from deploy.monitoring.grafana import INSTANCE, Dashboard, Panel, quantiles, rate
from deploy.monitoring.rules import OBJECTIVE

WORKER = "numberline_worker_ready"
GATEWAY = "numberline_active_tasks"


def pool(process: str) -> tuple[tuple[str, str], ...]:
    """The queries of the connections to PostgreSQL of one kind of process."""
    labels = f'job="numberline-{process}",{INSTANCE}'
    return (
        (f"sum by (state) (numberline_database_pool_connections{{{labels}}})", "{{state}}"),
        (f"sum(numberline_database_pool_waiting{{{labels}}})", "waiting"),
    )


OVERVIEW = Dashboard(
    "numberline-overview",
    "numberline: pipeline",
    "Whether requests get through, and how fast.",
    WORKER,
    (
        Panel(
            "Small tasks in time",
            "Of the tasks of at most 10,000 numbers, the share that was complete within 5 s of the request, over "
            f"5 minutes; the objective is {OBJECTIVE:.0%}. Without tasks there is none.",
            "percentunit",
            (("1 - numberline:small_tasks_late:ratio_rate5m", "in time"),),
            "NumberlineSlowTasksFast",
            "stat",
        ),
        Panel(
            "Active tasks",
            "Tasks that have not ended, as the gateways know them.",
            "short",
            (("max(numberline_active_tasks)", "active"),),
            "NumberlineTaskStuck",
            "stat",
        ),
        Panel(
            "Requests",
            "Requests read from Kafka: accepted, refused by a rule, or without a good token.",
            "reqps",
            rate("numberline_requests_total", INSTANCE, "outcome"),
            "NumberlineNoWorker",
        ),
        Panel(
            "Numbers",
            "Numbers drawn, stored and judged a second.",
            "cps",
            rate("numberline_numbers_total", INSTANCE, "stage"),
            "NumberlineTaskStuck",
        ),
        Panel(
            "From request to end",
            "Of completed generations, by how many numbers they asked for at most.",
            "s",
            quantiles("numberline_task_seconds", f'type="generate",{INSTANCE}', "size"),
            "NumberlineSlowTasks",
        ),
        Panel(
            "Tasks ended",
            "By how: completed, failed, cancelled.",
            "cps",
            rate("numberline_tasks_ended_total", INSTANCE, "status"),
            "NumberlineTaskStuck",
        ),
        Panel(
            "Lag",
            "For how long the oldest record of a topic waits that its step has not committed.",
            "s",
            (("numberline:lag_seconds:max", "{{topic}}"),),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Waiting records",
            "Records of a topic that its step has not committed.",
            "short",
            (("max by (topic) (numberline_consumer_lag_records)", "{{topic}}"),),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Batches",
            "By what came of them; repeated ones were stored before, and are done again after a crash.",
            "cps",
            rate("numberline_batches_total", INSTANCE, "outcome"),
            "NumberlineDeadLetters",
        ),
        Panel(
            "Longest without progress",
            "Since the last progress of that active task that has had none for longest.",
            "s",
            (("max(numberline_active_task_idle_seconds)", "idle"),),
            "NumberlineTaskStuck",
        ),
    ),
)

WORKERS = Dashboard(
    "numberline-workers",
    "numberline: workers and Kafka",
    "What each step costs, and how the group holds together.",
    WORKER,
    (
        Panel(
            "Ready",
            "1 for a worker that has its partitions and tables.",
            "short",
            ((f"numberline_worker_ready{{{INSTANCE}}}", "{{instance}}"),),
            "NumberlineRecoverySlow",
        ),
        Panel(
            "Rebalances",
            "That each worker took part in, over 15 minutes.",
            "short",
            ((f"increase(numberline_rebalances_total{{{INSTANCE}}}[15m])", "{{instance}}"),),
            "NumberlineRebalancesOften",
        ),
        Panel(
            "Latency of steps",
            "99 % of a step's records were acknowledged within this after they were delivered.",
            "s",
            quantiles("numberline_step_seconds", INSTANCE, "step", (0.99,)),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Records of steps",
            "Acknowledged a second.",
            "cps",
            rate("numberline_records_total", INSTANCE, "step"),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Transactions of the store",
            "One PostgreSQL transaction of a batch.",
            "s",
            quantiles("numberline_store_transaction_seconds", INSTANCE),
            "NumberlineStoreBlocked",
        ),
        Panel(
            "PostgreSQL connections of workers",
            "Idle, busy, and who waits for one.",
            "short",
            (
                (
                    f'sum by (state) (numberline_database_pool_connections{{job="numberline-worker",{INSTANCE}}})',
                    "{{state}}",
                ),
                (f'sum(numberline_database_pool_waiting{{job="numberline-worker",{INSTANCE}}})', "waiting"),
            ),
            "NumberlinePoolExhausted",
        ),
        Panel(
            "Recovery",
            "From the loss of its partitions, or its start, until a worker has partitions and tables: the mean.",
            "s",
            (
                (
                    f"sum by (instance) (numberline_recovery_seconds_sum{{{INSTANCE}}})"
                    f" / sum by (instance) (numberline_recovery_seconds_count{{{INSTANCE}}})",
                    "{{instance}}",
                ),
            ),
            "NumberlineRecoverySlow",
        ),
        Panel(
            "Commits",
            "Of the steps' offsets.",
            "cps",
            rate("numberline_commits_total", INSTANCE, "instance"),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Changelogs",
            "Bytes written to the changelogs of the tables.",
            "Bps",
            rate("numberline_changelog_bytes_total", INSTANCE, "table"),
            "NumberlineRecoverySlow",
        ),
        Panel(
            "Tables on disk",
            "What a worker's copies of the tables take.",
            "bytes",
            ((f"sum by (table) (numberline_table_disk_bytes{{{INSTANCE}}})", "{{table}}"),),
            "NumberlineRecoverySlow",
        ),
        Panel(
            "Processor",
            "Cores that each worker uses; one is all that a process can.",
            "short",
            (
                (
                    f'rate(process_cpu_seconds_total{{job="numberline-worker",{INSTANCE}}}[$__rate_interval])',
                    "{{instance}}",
                ),
            ),
            "NumberlineLagGrowing",
        ),
        Panel(
            "Memory",
            "Resident memory of each worker.",
            "bytes",
            ((f'process_resident_memory_bytes{{job="numberline-worker",{INSTANCE}}}', "{{instance}}"),),
            "NumberlineWorkerDown",
        ),
    ),
)

GATEWAYS = Dashboard(
    "numberline-gateway",
    "numberline: gateway and API",
    "What clients get.",
    GATEWAY,
    (
        Panel(
            "Connections",
            "Authenticated WebSocket connections.",
            "short",
            ((f"sum by (instance) (numberline_websocket_connections{{{INSTANCE}}})", "{{instance}}"),),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Messages to clients",
            "By type.",
            "cps",
            rate("numberline_websocket_messages_sent_total", INSTANCE, "type"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "From progress to clients",
            "From a progress record's timestamp to its user's connections.",
            "s",
            quantiles("numberline_fan_out_seconds", INSTANCE),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Slow readers",
            "Clients that took their messages more slowly than they came, and messages left out for newer ones.",
            "cps",
            (
                (f"sum(rate(numberline_websocket_slow_readers_total{{{INSTANCE}}}[$__rate_interval]))", "slow"),
                (f"sum(rate(numberline_progress_coalesced_total{{{INSTANCE}}}[$__rate_interval]))", "left out"),
            ),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Connections closed",
            "By code: 1000 and 1001 are well, 44xx say what a client did.",
            "cps",
            rate("numberline_websocket_closes_total", INSTANCE, "code"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "Refused",
            "Connections and calls without a good token, by reason.",
            "cps",
            rate("numberline_authentication_failures_total", INSTANCE, "reason"),
            "NumberlineGatewayRefusing",
        ),
        Panel(
            "HTTP calls",
            "By status.",
            "reqps",
            rate("numberline_http_requests_total", INSTANCE, "status"),
            "NumberlineHttpErrors",
        ),
        Panel(
            "HTTP latency",
            "99 % of the calls of a path began to be answered within this.",
            "s",
            quantiles("numberline_http_request_seconds", INSTANCE, "path", (0.99,)),
            "NumberlineHttpErrors",
        ),
        Panel(
            "PostgreSQL connections of gateways",
            "Idle, busy, and who waits for one.",
            "short",
            (
                (
                    f'sum by (state) (numberline_database_pool_connections{{job="numberline-gateway",{INSTANCE}}})',
                    "{{state}}",
                ),
                (f'sum(numberline_database_pool_waiting{{job="numberline-gateway",{INSTANCE}}})', "waiting"),
            ),
            "NumberlinePoolExhausted",
        ),
        Panel(
            "Memory",
            "Resident memory of each gateway.",
            "bytes",
            ((f'process_resident_memory_bytes{{job="numberline-gateway",{INSTANCE}}}', "{{instance}}"),),
            "NumberlineGatewayDown",
        ),
    ),
)

DATA = Dashboard(
    "numberline-data",
    "numberline: ledger and data",
    "What is given out, what is left, and what was put aside.",
    WORKER,
    (
        Panel(
            "Given out",
            "Numbers of all regions that have been given out.",
            "short",
            (('sum(max by (region) (numberline_region_numbers{status="used"}))', "used"),),
            "NumberlineCapacityNearlyUsed",
            "stat",
        ),
        Panel(
            "Left",
            "Numbers of all regions that can still be given out.",
            "short",
            (('sum(max by (region) (numberline_region_numbers{status="left"}))', "left"),),
            "NumberlineCapacityNearlyUsed",
            "stat",
        ),
        Panel(
            "Least left",
            "The ten regions of which the smallest share is left.",
            "percentunit",
            (("bottomk(10, numberline:region_left:ratio)", "{{region}}"),),
            "NumberlineCapacityNearlyUsed",
            "bargauge",
        ),
        Panel(
            "Age of the prefix data",
            "Since the current version was imported.",
            "s",
            (("time() - max(numberline_prefix_data_imported_timestamp_seconds)", "age"),),
            "NumberlinePrefixDataOld",
            "stat",
        ),
        Panel(
            "Version of the prefix data",
            "That requests are planned by; for a moment after an import they differ.",
            "short",
            ((f"numberline_prefix_data_version{{{INSTANCE}}}", "{{instance}}"),),
            "NumberlinePrefixDataOld",
        ),
        Panel(
            "Dead letters",
            "Records put aside, by step and reason; those of intake are refused requests.",
            "short",
            (("sum by (step, reason) (numberline_dead_letters_total)", "{{step}} {{reason}}"),),
            "NumberlineDeadLetters",
        ),
        Panel(
            "Ledger conflicts",
            "Batches that PostgreSQL refused because it holds a number already. Always 0.",
            "short",
            (("sum(numberline_ledger_conflicts_total)", "conflicts"),),
            "NumberlineLedgerConflict",
            "stat",
        ),
        Panel(
            "Area codes in memory",
            "Whose taken numbers a worker holds in memory.",
            "short",
            ((f"numberline_ledger_area_codes{{{INSTANCE}}}", "{{instance}}"),),
            "NumberlineRecoverySlow",
        ),
    ),
)

DASHBOARDS = (OVERVIEW, WORKERS, GATEWAYS, DATA)
