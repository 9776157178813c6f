"""Recording rules and alerts. Each alert has a section of its name in docs/runbook.md."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RUNBOOK = "docs/runbook.md"
JOBS = {"worker": "numberline-worker", "gateway": "numberline-gateway"}

OBJECTIVE = 0.99  # of the tasks of at most 10,000 numbers are complete within SLO_SECONDS
SLO_SECONDS = "5.0"
SMALL = 'type="generate",size=~"100|10000"'
SHORTEST = "5m"  # that a share of late tasks is told of, for dashboards


@dataclass(frozen=True)
class Burn:
    """So many times what the objective allows, over both windows (Site Reliability Workbook, chapter 5)."""

    alert: str
    severity: str
    factor: float
    long: str
    short: str


@dataclass(frozen=True)
class Limits:
    """From when on something is wrong; tests take others, to see it happen in seconds.

    hold: how long it must last. window: how far back an event is still news.
    """

    hold: str = "5m"
    window: str = "15m"
    rate: str = "5m"  # that rates are taken over
    lag_seconds: float = 60
    idle_seconds: float = 300
    prefix_age_seconds: float = 120 * 86_400
    share_left: float = 0.05
    rebalances: float = 6
    refusals_a_second: float = 0.1
    share_of_errors: float = 0.05
    waiting: float = 5
    burns: tuple[Burn, ...] = (
        Burn("NumberlineSlowTasksFast", "critical", 14.4, "1h", "5m"),
        Burn("NumberlineSlowTasks", "critical", 6.0, "6h", "30m"),
        Burn("NumberlineSlowTasksOverDays", "warning", 1.0, "3d", "6h"),
    )


USUAL = Limits()


@dataclass(frozen=True)
class Alert:
    """One alert. expr: empty while all is well."""

    name: str
    severity: str  # critical: somebody is woken; warning: somebody looks in working hours
    expr: str
    summary: str
    description: str
    hold: str = "0s"

    def rule(self) -> dict[str, Any]:
        """As Prometheus takes it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOK}#{self.name.lower()}",
            },
        }


def recording_rules(limits: Limits = USUAL) -> list[dict[str, str]]:
    """The share of small tasks that took too long, over several windows; and lag by topic, once."""
    windows = dict.fromkeys([SHORTEST, *(window for burn in limits.burns for window in (burn.short, burn.long))])
    return [
        *(
            {
                "record": f"numberline:small_tasks_late:ratio_rate{window}",
                "expr": f'1 - sum(rate(numberline_task_seconds_bucket{{{SMALL},le="{SLO_SECONDS}"}}[{window}]))'
                f" / sum(rate(numberline_task_seconds_count{{{SMALL}}}[{window}]))",
            }
            for window in windows
        ),
        {"record": "numberline:lag_seconds:max", "expr": "max by (topic) (numberline_consumer_lag_seconds)"},
        {
            "record": "numberline:region_left:ratio",
            "expr": 'max by (region) (numberline_region_numbers{status="left"})'
            " / sum by (region) (max by (region, status) (numberline_region_numbers))",
        },
    ]


def alerts(limits: Limits = USUAL) -> list[Alert]:
    """All of them."""
    return [*_processes(limits), *_flow(limits), *_data(limits), *_clients(limits), *_slo(limits)]


def _processes(limits: Limits) -> Iterator[Alert]:
    for process, job in JOBS.items():
        yield Alert(
            f"Numberline{process.capitalize()}Down",
            "warning",
            f'up{{job="{job}"}} == 0',
            f"The {process} {{{{ $labels.instance }}}} does not answer.",
            "Its metrics cannot be read: it is gone, hangs, or the network is cut.",
            limits.hold,
        )
    yield Alert(
        "NumberlineNoWorker",
        "critical",
        'sum(up{job="numberline-worker"}) == 0 or absent(up{job="numberline-worker"})',
        "No worker runs.",
        "Nothing is generated or validated; requests wait in Kafka and are not lost.",
        limits.hold,
    )
    yield Alert(
        "NumberlineNoGateway",
        "critical",
        'sum(up{job="numberline-gateway"}) == 0 or absent(up{job="numberline-gateway"})',
        "No gateway runs.",
        "No client is served; tasks go on. Lag, capacity and idle tasks are not measured meanwhile.",
        limits.hold,
    )
    yield Alert(
        "NumberlineRecoverySlow",
        "critical",
        "numberline_worker_ready == 0",
        "The worker {{ $labels.instance }} has been without its partitions for too long.",
        "It reads its tables from their changelogs, or its group finds no rest. Its area codes stand still.",
        limits.hold,
    )
    yield Alert(
        "NumberlineRebalancesOften",
        "warning",
        f"sum(increase(numberline_rebalances_total[{limits.window}]))"
        f' / clamp_min(count(up{{job="numberline-worker"}} == 1), 1) > {limits.rebalances:g}',
        "The group of the workers rebalances again and again.",
        "A worker starts and ends in turn, or pauses for longer than its session.",
    )
    yield Alert(
        "NumberlinePoolExhausted",
        "warning",
        f"numberline_database_pool_waiting > {limits.waiting:g}",
        "{{ $labels.instance }} waits for PostgreSQL connections.",
        "{{ $value }} wait for one that is free: queries take long, or there are too few connections.",
        limits.hold,
    )


def _flow(limits: Limits) -> Iterator[Alert]:
    yield Alert(
        "NumberlineLagGrowing",
        "warning",
        f"numberline:lag_seconds:max > {limits.lag_seconds:g}",
        "Records of {{ $labels.topic }} wait too long.",
        "The oldest has waited for {{ $value | humanizeDuration }}.",
        limits.hold,
    )
    yield Alert(
        "NumberlineLagUnknown",
        "warning",
        'absent(numberline_consumer_lag_records) and on () up{job="numberline-gateway"} == 1',
        "Lag is not known: no gateway reads it from Kafka.",
        "Kafka is away for the gateways, or refuses them the offsets of the groups.",
        limits.hold,
    )
    yield Alert(
        "NumberlineTaskStuck",
        "critical",
        f"max(numberline_active_task_idle_seconds) > {limits.idle_seconds:g}",
        "A running task makes no progress.",
        "For {{ $value | humanizeDuration }} nothing was heard of it.",
        limits.hold,
    )
    letters = 'numberline_dead_letters_total{step!="intake"}'
    yield Alert(
        "NumberlineDeadLetters",
        "warning",
        # the second half is for a series that begins with its first letter: that is no increase
        f"sum by (step, reason) (increase({letters}[{limits.window}]) > 0"
        f" or ({letters} unless {letters} offset {limits.window}) > 0)",
        "The step {{ $labels.step }} put records aside: {{ $labels.reason }}.",
        "They are kept whole. A task whose batch is among them has failed. Refused requests do not count.",
    )
    yield Alert(
        "NumberlineLedgerConflict",
        "critical",
        f"sum(increase(numberline_ledger_conflicts_total[{limits.window}])) > 0",
        "PostgreSQL refused a batch: it holds one of its numbers already.",
        "Ledger and database disagree. Nothing was given out twice, for the primary key refused it.",
    )
    yield Alert(
        "NumberlineStoreBlocked",
        "warning",
        f"sum(increase(numberline_store_retries_total[{limits.window}])) > 0",
        "Sessions of PostgreSQL blocked batches and were ended.",
        "A worker was paused inside its transaction, or somebody locks the table of numbers.",
    )


def _data(limits: Limits) -> Iterator[Alert]:
    yield Alert(
        "NumberlineCapacityNearlyUsed",
        "warning",
        f"numberline:region_left:ratio < {limits.share_left:g}",
        "Few numbers are left in {{ $labels.region }}.",
        "{{ $value | humanizePercentage }} of its numbers can still be given out.",
        limits.hold,
    )
    yield Alert(
        "NumberlinePrefixDataOld",
        "warning",
        f"time() - max(numberline_prefix_data_imported_timestamp_seconds) > {limits.prefix_age_seconds:g}",
        "The prefix data is old.",
        "It was imported {{ $value | humanizeDuration }} ago; blocks have been assigned and returned since.",
        limits.hold,
    )


def _clients(limits: Limits) -> Iterator[Alert]:
    yield Alert(
        "NumberlineGatewayRefusing",
        "warning",
        f'sum by (code) (rate(numberline_websocket_closes_total{{code=~"1013|4429"}}[{limits.rate}]))'
        f" > {limits.refusals_a_second:g}",
        "Gateways refuse or cut connections, with {{ $labels.code }}.",
        "1013: not ready, or readers too slow. 4429: a limit is reached.",
    )
    calls = "numberline_http_requests_total"
    yield Alert(
        "NumberlineHttpErrors",
        "critical",
        f'sum(rate({calls}{{status=~"5.."}}[{limits.rate}])) / sum(rate({calls}[{limits.rate}]))'
        f" > {limits.share_of_errors:g}",
        "{{ $value | humanizePercentage }} of the HTTP calls fail.",
        "503: Kafka or PostgreSQL is away for the gateways. 500: a defect, in the gateway's log.",
    )


def _slo(limits: Limits) -> Iterator[Alert]:
    late = "numberline:small_tasks_late:ratio_rate"
    for burn in limits.burns:
        times, limit = f"{burn.factor:g} times", f"{burn.factor * (1 - OBJECTIVE):.3g}"
        yield Alert(
            burn.alert,
            burn.severity,
            f"{late}{burn.long} > {limit} and {late}{burn.short} > {limit}",
            f"Tasks of at most 10,000 numbers take longer than 5 s: {times} what the objective allows.",
            "{{ $value | humanizePercentage }} of them are late; the objective is 1 %.",
        )


def groups(limits: Limits = USUAL) -> dict[str, Any]:
    """The rule file of Prometheus."""
    return {
        "groups": [
            {"name": "numberline-recording", "rules": recording_rules(limits)},
            {"name": "numberline-alerts", "rules": [alert.rule() for alert in alerts(limits)]},
        ]
    }
