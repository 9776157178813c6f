"""What each step costs, and how the group of the workers holds together."""

from deploy.monitoring.grafana import INSTANCE, Dashboard, Panel, quantiles, rate
from deploy.monitoring.panels.pool import connections

WORKERS = Dashboard(
    "numberline-workers",
    "numberline: workers and Kafka",
    "What each step costs, and how the group holds together.",
    "numberline_worker_ready",
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
        connections("worker"),
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
            "Lookups",
            "Numbers that a provider was asked about, answered and failed; 0 without one.",
            "cps",
            rate("numberline_lookups_total", INSTANCE, "outcome"),
            "NumberlineLagGrowing",
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
