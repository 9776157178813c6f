"""Whether requests get through, and how fast."""

from deploy.monitoring.grafana import INSTANCE, Dashboard, Panel, quantiles, rate
from deploy.monitoring.rules import OBJECTIVE

OVERVIEW = Dashboard(
    "numberline-overview",
    "numberline: pipeline",
    "Whether requests get through, and how fast.",
    "numberline_worker_ready",
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
            "Verdicts",
            "Numbers that validations judged, by the reason.",
            "cps",
            rate("numberline_verdicts_total", INSTANCE, "reason"),
            "NumberlineTaskStuck",
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
        Panel(
            "Versions",
            "Processes by what they run: two versions only while they are replaced.",
            "short",
            (("count by (process, version) (numberline_build_info)", "{{process}} {{version}}"),),
            "NumberlineWorkerDown",
        ),
    ),
)
