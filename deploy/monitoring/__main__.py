"""``python -m deploy.monitoring`` writes the rules and the dashboards; a test fails while they are stale."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.monitoring.grafana import as_json, runbook_as_json
from deploy.monitoring.panels import DASHBOARDS
from deploy.monitoring.rules import RUNBOOK, groups

HERE = Path(__file__).parent
NOTICE = "# Written by `python -m deploy.monitoring`: change the code there, then run it again.\n"


def runbook_sections() -> dict[str, str]:
    """Title -> text of each section of the runbook that is about an alert."""
    text = (HERE.parents[1] / RUNBOOK).read_text()
    return dict(re.findall(r"^### (Numberline\w+)\n\n(.*?)(?=\n##|\Z)", text, re.MULTILINE | re.DOTALL))


def files() -> Iterator[tuple[Path, str]]:
    """Every file and what it holds."""
    yield HERE / "rules.yaml", NOTICE + _yaml(groups())
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "numberline", "labels": {"app.kubernetes.io/name": "numberline"}},
        "spec": groups(),
    }
    yield HERE / "prometheus-rule.yaml", NOTICE + _yaml(rule)
    sections = runbook_sections()
    for dashboard in DASHBOARDS:
        yield _dashboard(dashboard.uid, as_json(dashboard, list(sections)))
    yield _dashboard("numberline-runbook", runbook_as_json(sections))


def _dashboard(uid: str, content: dict[str, Any]) -> tuple[Path, str]:
    return HERE / "dashboards" / f"{uid}.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=116, allow_unicode=True)


if __name__ == "__main__":
    for path, content in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
