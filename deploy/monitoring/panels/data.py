"""What is given out, what is left, and what was put aside."""

from deploy.monitoring.grafana import INSTANCE, Dashboard, Panel, rate

DATA = Dashboard(
    "numberline-data",
    "numberline: ledger and data",
    "What is given out, what is left, and what was put aside.",
    "numberline_worker_ready",
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
        Panel(
            "Facts in the ledger",
            "In each worker's partitions when it last looked: what a worker without its disk must read.",
            "short",
            ((f"numberline_ledger_facts{{{INSTANCE}}}", "{{instance}}"),),
            "NumberlineRecoverySlow",
        ),
        Panel(
            "Old facts let go",
            "Put together with others, or forgotten, by table.",
            "cps",
            rate("numberline_facts_let_go_total", INSTANCE, "table"),
            "NumberlineRecoverySlow",
        ),
    ),
)
