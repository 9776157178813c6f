"""The rules and dashboards as files: in step with the code that writes them, sound, explained, each alert held."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring.__main__ import HERE, files, runbook_sections
from deploy.monitoring.grafana import Dashboard
from deploy.monitoring.panels import DASHBOARDS
from deploy.monitoring.rules import SLO_SECONDS, Alert, Limits, alerts, recording_rules
from pipeline.metrics import RECOVERY_SECONDS, SECONDS, SIZES, TASK_SECONDS
from pipeline.settings import Settings
from schemas.requests import MAX_QUANTITY
from tests.operations.dashboards import shown
from tests.pipeline.test_metrics import families
from tests.prometheus import promtool

UNIT_TESTS = Path(__file__).with_name("rules_test.yaml")
UNITS = {"short", "percentunit", "s", "bytes", "Bps", "cps", "reqps"}  # by Grafana's names
ALERTS = [pytest.param(alert, id=alert.name) for alert in alerts()]


@pytest.mark.parametrize("path", [path for path, _ in files()], ids=lambda path: path.name)
def test_file_is_in_step(path: Path) -> None:
    """With the code; `python -m deploy.monitoring` writes it."""
    assert path.read_text() == dict(files())[path], "run: python -m deploy.monitoring"


def test_no_other_dashboards_lie_about() -> None:
    """One that nobody writes any more."""
    assert set((HERE / "dashboards").iterdir()) == {path for path, _ in files() if path.suffix == ".json"}


def test_promtool_takes_the_rules() -> None:
    """And finds no rule twice."""
    done = promtool("check", "rules", str(HERE / "rules.yaml"))
    assert done.returncode == 0, done.stderr


def test_rules_do_what_they_say() -> None:
    """Fire after so long and not before, with these words; and stay quiet while all is well."""
    done = promtool("test", "rules", str(UNIT_TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_is_held_by_promtool(alert: Alert) -> None:
    """It fires where it should and not before, and is quiet while all is well; test_alerts.py makes its fault."""
    tests = yaml.safe_load(UNIT_TESTS.read_text())["tests"]
    (well,) = [test for test in tests if test["name"] == "all is well, and nothing fires"]
    assert [bool(one["exp_alerts"]) for one in asked_of(alert, well)] == [False]
    firing = [test for test in tests if any(one["exp_alerts"] for one in asked_of(alert, test))]
    assert any(not asked_of(alert, test)[0]["exp_alerts"] for test in firing)


def asked_of(alert: Alert, test: dict[str, Any]) -> list[dict[str, Any]]:
    """What a test of promtool asks of an alert, in the order of time."""
    asked = [one for one in test["alert_rule_test"] if one["alertname"] == alert.name]
    return sorted(asked, key=lambda one: int(one["eval_time"].removesuffix("m")))


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_says_what_it_takes(alert: Alert) -> None:
    """Severity, summary, description, and a section of the runbook with what to see and what to do."""
    assert alert.severity in ("critical", "warning")
    assert alert.summary.endswith(".")
    assert alert.description.endswith(".")
    text = runbook_sections()[alert.name]
    assert "- See:" in text
    assert "- Do:" in text or "and do:" in text


def test_runbook_has_no_other_alerts() -> None:
    """Which nobody would ever see."""
    assert set(runbook_sections()) == {alert.name for alert in alerts()}


def test_every_metric_is_looked_at() -> None:
    """By a panel or an alert: what nobody looks at need not be counted."""
    asked = " ".join(
        [
            *(expr for dashboard in DASHBOARDS for panel in dashboard.panels for expr, _ in panel.queries),
            *(alert.expr for alert in alerts()),
            *(rule["expr"] for rule in recording_rules()),
        ]
    )
    assert not [family.name for family in families() if family.name not in asked]


def test_buckets_end_where_what_they_measure_does() -> None:
    """A step's at its deadline, a recovery's at its alarm; the objective is a bound, the greatest task a size."""
    assert Settings.model_fields["deadline_seconds"].default == SECONDS[-1]
    assert f"{RECOVERY_SECONDS[-1] / 60:g}m" == Limits().hold
    assert float(SLO_SECONDS) in TASK_SECONDS
    assert SIZES[-1] == MAX_QUANTITY
    for bounds in (SECONDS, TASK_SECONDS, RECOVERY_SECONDS):
        assert all(1 < after / before <= 3 for before, after in pairwise(bounds))  # how far a quantile may be out


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_dashboard_is_explained(dashboard: Dashboard) -> None:
    """As Grafana reads it: each panel has a title, description, unit, legends and a way to the runbook."""
    made = shown(dashboard.uid)
    titles = {panel["id"]: panel["title"] for panel in shown("numberline-runbook")["panels"]}
    assert len({panel["title"] for panel in made["panels"]}) == len(made["panels"]) == len(dashboard.panels)
    for panel in made["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])
        (link,) = panel["links"]
        assert titles[int(link["url"].rpartition("=")[2])] in runbook_sections()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_panels_link_to_the_section_that_belongs_to_them(dashboard: Dashboard) -> None:
    """Its number is that of a panel of the runbook's dashboard, whose text is the section's."""
    sections = {panel["id"]: panel for panel in shown("numberline-runbook")["panels"]}
    for panel, made in zip(dashboard.panels, shown(dashboard.uid)["panels"], strict=True):
        section = sections[int(made["links"][0]["url"].rpartition("=")[2])]
        assert section["title"] == panel.runbook
        assert section["options"]["content"] == runbook_sections()[panel.runbook]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_variables_are_used(dashboard: Dashboard) -> None:
    """Each panel asks the source that is chosen, and some of them of the instances that are."""
    made = shown(dashboard.uid)
    assert [variable["name"] for variable in made["templating"]["list"]] == ["source", "instance"]
    targets = [target for panel in made["panels"] for target in panel["targets"]]
    assert {one["datasource"]["uid"] for one in (*made["panels"], *targets)} == {"${source}"}
    assert any("$instance" in target["expr"] for target in targets)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_unit_is_that_of_what_is_asked(dashboard: Dashboard) -> None:
    """Seconds for latencies, bytes for sizes, a second for rates: by the names of the metrics."""
    for panel in shown(dashboard.uid)["panels"]:
        for target in panel["targets"]:
            expr, unit = target["expr"], panel["fieldConfig"]["defaults"]["unit"]
            if "ratio" in expr:
                assert unit == "percentunit"
            elif "cpu_seconds" in expr:
                assert unit == "short"  # seconds a second: cores
            elif "_seconds" in expr:
                assert unit == "s"
            elif "_bytes" in expr:
                assert unit == ("Bps" if "rate(" in expr else "bytes")
            else:
                assert (unit in ("cps", "reqps")) == ("rate(" in expr)
