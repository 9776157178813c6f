"""Dashboards as Grafana's JSON: panels two in a row, each with a description, a unit and a way to the runbook."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 12, 8
INSTANCE = 'instance=~"$instance"'


@dataclass(frozen=True)
class Panel:
    """One panel. queries: (expression, legend). runbook: the section of the alert that belongs to it."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    runbook: str
    kind: str = "timeseries"  # or stat, bargauge, table


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. instances: of which metric the instances can be chosen."""

    uid: str
    title: str
    description: str
    instances: str
    panels: tuple[Panel, ...]


def quantiles(
    metric: str, labels: str, by: str = "", shares: Sequence[float] = (0.5, 0.99)
) -> tuple[tuple[str, str], ...]:
    """Queries of a histogram's quantiles, one a share."""
    keys, legend = ("le", "") if not by else (f"le, {by}", f"{{{{{by}}}}} ")
    return tuple(
        (
            f"histogram_quantile({share}, sum by ({keys}) (rate({metric}_bucket{{{labels}}}[$__rate_interval])))",
            f"{legend}{share:.0%}",
        )
        for share in shares
    )


def rate(metric: str, labels: str, by: str, legend: str = "") -> tuple[tuple[str, str], ...]:
    """The query of a counter's rate by a label."""
    return ((f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))", legend or f"{{{{{by}}}}}"),)


def as_json(dashboard: Dashboard, sections: Sequence[str]) -> dict[str, Any]:
    """The dashboard. sections: of the runbook, in the order of its panels."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["numberline"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [_link("Other dashboards", tags=["numberline"], type="dashboards", asDropdown=True)],
        "templating": {"list": [_source(), _instances(dashboard.instances)]},
        "panels": [_panel(number, panel, sections) for number, panel in enumerate(dashboard.panels)],
    }


def runbook_as_json(sections: dict[str, str]) -> dict[str, Any]:
    """The runbook as a dashboard: one panel a section, so that a link to it works wherever Grafana is."""
    return {
        "uid": "numberline-runbook",
        "title": "numberline: runbook",
        "description": "docs/runbook.md, a section a panel.",
        "tags": ["numberline"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "links": [_link("Other dashboards", tags=["numberline"], type="dashboards", asDropdown=True)],
        "templating": {"list": []},
        "panels": [
            {
                "id": number + 1,
                "type": "text",
                "title": title,
                "gridPos": {"x": 0, "y": number * HEIGHT, "w": 24, "h": HEIGHT},
                "options": {"mode": "markdown", "content": text},
            }
            for number, (title, text) in enumerate(sections.items())
        ],
    }


def _panel(number: int, panel: Panel, sections: Sequence[str]) -> dict[str, Any]:
    shown = {"timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}}
    instant = panel.kind != "timeseries"
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": number % 2 * WIDTH, "y": number // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": shown.get(panel.kind, {"reduceOptions": {"calcs": ["lastNotNull"]}}),
        "targets": [
            {"refId": chr(65 + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend, "instant": instant}
            for i, (expr, legend) in enumerate(panel.queries)
        ],
        "links": [
            {
                "title": "Runbook",
                "url": f"/d/numberline-runbook/?viewPanel={sections.index(panel.runbook) + 1}",
                "targetBlank": True,
            }
        ],
    }


def _link(title: str, **fields: Any) -> dict[str, Any]:
    return {"title": title, "icon": "external link", "includeVars": True, "keepTime": True, **fields}


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "refresh": 1}


def _instances(metric: str) -> dict[str, Any]:
    return {
        "name": "instance",
        "label": "Instance",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({metric}, instance)", "refId": "instance"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
